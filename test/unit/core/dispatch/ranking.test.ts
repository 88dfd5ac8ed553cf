/**
 * The order in which policies rank a dispatcher's calls: weights, deadlines, fair shares, and the
 * longest call of a fan-out first. One backend takes 1 ms for an output token; 100 input tokens
 * take 10 ms.
 */

import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { PolicyName } from '../../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../../src/core/runs/call-request.ts';
import { callRequest, configOf, okResult } from '../../../dispatch-builders.ts';
import { llm, runOf } from '../../../run-builders.ts';

const TOKENS: Record<string, number> = { short: 90, long: 990, huge: 9_990, other: 40 };

/** A dispatcher whose slots are all taken, and the calls that it grants as slots are freed. */
class Bench {
  readonly dispatcher: Dispatcher;
  readonly running: string[] = [];
  /** Call ids in the order of their grants. */
  readonly granted: string[] = [];
  /** Slot time in ms that each application had. */
  readonly servedMs: Record<string, number> = {};
  now = 10_000;

  constructor(
    policy: PolicyName,
    slots: number,
    fields: Partial<DispatcherConfig> = {},
    blocked = slots,
  ) {
    const config = configOf({ policy, slots, alpha: 0, ...fields });
    this.dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
    for (const app of ['short', 'long', 'huge']) {
      for (let i = 0; i < 30; i += 1) {
        const run = runOf(app, llm('unit', [TOKENS[app] ?? 0]));
        this.dispatcher.models.learn(run, i, this.dispatcher.speeds);
      }
    }
    for (let i = 0; i < blocked; i += 1) this.submit(`blocker${i}`, 'other');
    this.granted.length = 0;
  }

  submit(callId: string, app: string, fields: Partial<CallRequest> = {}): void {
    const call = callRequest(callId, { app, arrivedAt: this.now, final: true, ...fields });
    this.#note(this.dispatcher.step([{ type: 'submitted', call }], this.now));
  }

  /** Ends the call that has run longest, with its application's usual output. */
  end(): void {
    const callId = this.running.shift() ?? '';
    const app = this.dispatcher.call(callId)?.request.app ?? '';
    const tokens = TOKENS[app] ?? 0;
    this.servedMs[app] = (this.servedMs[app] ?? 0) + tokens + 10;
    const result = okResult(tokens);
    this.#note(this.dispatcher.step([{ type: 'ended', callId, result }], this.now));
  }

  /** Grants all waiting calls; returns their ids in order. */
  drain(): string[] {
    while (this.running.length > 0) this.end();
    return this.granted;
  }

  #note(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'granted') continue;
      this.granted.push(effect.callId);
      this.running.push(effect.callId);
    }
  }
}

describe('a weight', () => {
  const orderWith = (weights: Record<string, number>) => {
    const bench = new Bench('gittins', 1, { weights });
    bench.submit('l', 'long');
    bench.submit('s', 'short');
    return bench.drain();
  };

  it('divides the rank', () => {
    expect(orderWith({})).toEqual(['s', 'l']);
    expect(orderWith({ long: 9 })).toEqual(['s', 'l']);
    expect(orderWith({ long: 11 })).toEqual(['l', 's']);
    expect(orderWith({ short: 0.09 })).toEqual(['l', 's']);
  });

  it('is one for an application that is named like a property of objects', () => {
    const bench = new Bench('gittins', 1);
    bench.submit('c', 'constructor');
    bench.submit('s', 'short');
    expect(bench.drain()).toEqual(['s', 'c']);
  });

  it('of a call multiplies that of its application', () => {
    const bench = new Bench('gittins', 1, { weights: { long: 2 } });
    bench.submit('job', 'short', { weight: 0.01 });
    bench.submit('l', 'long');
    bench.submit('also a job', 'long', { weight: 0.1 });
    expect(bench.drain()).toEqual(['l', 'also a job', 'job']);
  });

  it('bounds how long a call can be passed, however small', () => {
    const bench = new Bench('gittins', 1, { alpha: 0.5 });
    bench.submit('job', 'short', { weight: 0.1 });
    bench.submit('soon', 'short');
    // 100 ms of work at a tenth of the weight: calls that come within 1.8 s may overtake it.
    bench.now += 1_900;
    bench.submit('late', 'short');
    expect(bench.drain()).toEqual(['soon', 'job', 'late']);
  });
});

describe('a fan-out', () => {
  it('has the call with the longest prompt first in policies that rank by size', () => {
    const order = (policy: PolicyName) => {
      const bench = new Bench(policy, 1);
      for (const [id, inputTokens] of Object.entries({ a: 100, b: 900, c: 500 })) {
        bench.submit(id, 'short', { runId: 'fan', inputTokens, final: id === 'c' });
      }
      return bench.drain();
    };
    for (const policy of ['gittins', 'talaria-ddl', 'sjf', 'gittins-total'] as const) {
      expect(order(policy)).toEqual(['b', 'c', 'a']);
    }
    expect(order('fcfs')).toEqual(['a', 'b', 'c']);
  });

  it('goes after a chain of the same work where there are slots for both, and not at one', () => {
    const order = (slots: number) => {
      const bench = new Bench('gittins', slots);
      const learn = (app: string, units: Parameters<typeof llm>[1][]) => {
        for (let i = 0; i < 30; i += 1) {
          const run = runOf(app, ...units.map((outputs) => llm('unit', outputs)));
          bench.dispatcher.models.learn(run, i, bench.dispatcher.speeds);
        }
      };
      learn('fan', [[490, 490, 490]]);
      learn('chain', [[500], [500], [500]]);
      for (const id of ['f1', 'f2', 'f3']) bench.submit(id, 'fan', { runId: 'fan' });
      bench.submit('c1', 'chain', { runId: 'chain', final: false });
      bench.end();
      return bench.granted[0];
    };
    expect(order(8)).toBe('c1');
    expect(order(1)).toBe('f1');
  });
});

describe('talaria-ddl', () => {
  /**
   * The call granted first after `afterMs`, of a run of 1,000 ms with a deadline 2,000 ms after the
   * start, and short runs without a deadline.
   */
  const firstAt = (policy: PolicyName, afterMs: number) => {
    const bench = new Bench(policy, 10);
    for (let i = 0; i < 3; i += 1) bench.submit(`s${i}`, 'short');
    bench.submit('due', 'long', { deadlineAt: bench.now + 2_000 });
    bench.now += afterMs;
    bench.end();
    return bench.granted[0];
  };

  it('lets a run wait as long as it can, then go first, and demotes it when it is late', () => {
    expect(firstAt('talaria-ddl', 500)).toBe('s0');
    for (const afterMs of [750, 950]) expect(firstAt('talaria-ddl', afterMs)).toBe('due');
    expect(firstAt('talaria-ddl', 1_100)).toBe('s0');
    expect(firstAt('gittins', 950)).toBe('s0');
  });

  it('is Gittins where no run has a deadline', () => {
    const order = (policy: PolicyName) => {
      const bench = new Bench(policy, 2);
      ['long', 'short', 'huge', 'other', 'short', 'long'].forEach((app, i) => {
        bench.submit(`${app}${i}`, app);
      });
      return bench.drain();
    };
    expect(order('talaria-ddl')).toEqual(order('gittins'));
  });

  it('compares the longest call of a visit with a deadline, not the sum', () => {
    const bench = new Bench('talaria-ddl', 30);
    for (let i = 0; i < 30; i += 1) {
      const run = runOf('fan', llm('unit', [990, 990, 990, 990]));
      bench.dispatcher.models.learn(run, i, bench.dispatcher.speeds);
    }
    bench.submit('s', 'short');
    for (const id of ['f1', 'f2', 'f3', 'f4']) {
      bench.submit(id, 'fan', { runId: 'fan', deadlineAt: bench.now + 4_000, final: id === 'f4' });
    }
    // If the sum of its calls counted, 4,000 ms, it would have no chance from the start.
    bench.now += 2_800;
    bench.end();
    expect(bench.granted[0]).toBe('f1');
  });

  it('leaves a slot to runs without a deadline, however many urgent ones come', () => {
    const bench = new Bench('talaria-ddl', 10);
    const arrive = (i: number) => {
      bench.submit(`due${i}`, 'long', { deadlineAt: bench.now + 1_250 });
    };
    for (let i = 0; i < 20; i += 1) arrive(i);
    bench.submit('patient', 'short');
    for (let i = 20; i < 30; i += 1) {
      bench.now += 10;
      bench.end();
      arrive(i);
    }
    // Urgent calls get nine of ten slots, then the waiting call is granted.
    expect(bench.granted.indexOf('patient')).toBe(9);
  });

  it('frees its share of slots with each slot, however the call ends', () => {
    const bench = new Bench('talaria-ddl', 10);
    const backend = bench.dispatcher.backends.get('llm');
    bench.submit('s', 'short');
    for (let i = 0; i < 3; i += 1) {
      bench.submit(`due${i}`, 'long', { deadlineAt: bench.now + 1_250 });
    }
    for (let i = 0; i < 3; i += 1) bench.end();
    expect([[...bench.granted].sort(), backend?.urgentRunning]).toEqual([
      ['due0', 'due1', 'due2'],
      3,
    ]);
    bench.dispatcher.step([{ type: 'cancelled', callId: 'due0' }], bench.now);
    expect(backend?.urgentRunning).toBe(2);
    bench.dispatcher.step([{ type: 'ended', callId: 'due1', result: okResult(990) }], bench.now);
    // First the leases are doubted, then they expire.
    bench.dispatcher.step([{ type: 'tick' }], bench.now + 100_000);
    bench.dispatcher.step([{ type: 'tick' }], bench.now + 200_000);
    expect(backend?.urgentRunning).toBe(0);
  });
});

describe('vtc', () => {
  it.each([1, 3])('serves two applications that wait alike, at %s slots', (slots) => {
    const bench = new Bench('vtc', slots);
    for (let i = 0; i < 100; i += 1) bench.submit(`s${i}`, 'short');
    for (let i = 0; i < 20; i += 1) bench.submit(`l${i}`, 'long');
    for (let i = 0; i < slots; i += 1) bench.end();
    for (let i = 0; i < 80; i += 1) {
      bench.end();
      const { short = 0, long = 0 } = bench.servedMs;
      expect(Math.abs(short - long)).toBeLessThanOrEqual(1_000 * slots);
    }
    expect(bench.granted.filter((id) => id.startsWith('l')).length).toBeGreaterThan(6);
  });

  it('gives no credit for a pause, and takes none away', () => {
    const bench = new Bench('vtc', 1);
    for (let i = 0; i < 60; i += 1) bench.submit(`s${i}`, 'short');
    for (let i = 0; i < 20; i += 1) bench.end();
    // 2,000 ms later another application comes, which has had no service.
    for (let i = 0; i < 5; i += 1) bench.submit(`l${i}`, 'long');
    for (let i = 0; i < 24; i += 1) bench.end();
    const later = bench.granted.slice(20);
    const longs = later.filter((id) => id.startsWith('l')).length;
    expect([longs >= 1, longs <= 3]).toEqual([true, true]);
  });

  it('gives a newcomer no credit if no other application waits', () => {
    const bench = new Bench('vtc', 1, {}, 0);
    // One call at a time, so none of them ever waits.
    for (let i = 0; i < 20; i += 1) {
      bench.submit(`before${i}`, 'short');
      bench.end();
    }
    bench.submit('running', 'short');
    for (let i = 0; i < 30; i += 1) bench.submit(`o${i}`, 'other');
    for (let i = 0; i < 30; i += 1) bench.submit(`s${i}`, 'short');
    bench.granted.length = 0;
    for (let i = 0; i < 12; i += 1) bench.end();
    const shorts = bench.granted.filter((id) => id.startsWith('s')).length;
    // Calls of 50 ms against calls of 100 ms: eight to four.
    expect(Math.abs(shorts - 4)).toBeLessThanOrEqual(1);
  });

  it('serves the calls of an application in the order of their submission', () => {
    const bench = new Bench('vtc', 1);
    for (const id of ['a', 'b', 'c'])
      bench.submit(id, 'short', { inputTokens: id === 'c' ? 900 : 1 });
    expect(bench.drain()).toEqual(['a', 'b', 'c']);
  });
});

describe('a run that waits while its application becomes known', () => {
  it('is not overtaken by later runs of the same application, and keeps its bound', () => {
    const dispatcher = new Dispatcher(configOf({ slots: 1 }), { random: seededRandom(1) }, 0);
    const submit = (callId: string, now: number) =>
      dispatcher.step(
        [{ type: 'submitted', call: callRequest(callId, { arrivedAt: now, final: true }) }],
        now,
      );
    for (let i = 0; i < 6; i += 1) submit(`early${i}`, i);
    const waiting = dispatcher.call('early5');
    const promised = waiting && dispatcher.queueRank(waiting)?.boundMs;
    const order: string[] = [];
    let running = 'early0';
    for (let i = 0; i < 8; i += 1) {
      const now = 100 + 10 * i;
      submit(`late${i}`, now);
      const ended = { type: 'ended', callId: running, result: okResult(1) } as const;
      for (const effect of dispatcher.step([ended], now + 5)) {
        if (effect.type !== 'granted') continue;
        running = effect.callId;
        order.push(running);
        if (running === 'early5') expect(effect.boundMs).toBe(promised);
      }
    }
    const early = ['early1', 'early2', 'early3', 'early4', 'early5'];
    expect(order).toEqual([...early, 'late0', 'late1', 'late2']);
  });
});

describe('a backend with several models', () => {
  it('ranks a call by the speed of its model', () => {
    const bench = new Bench('gittins', 1);
    const speed = bench.dispatcher.backends.get('llm')?.speed;
    for (let i = 0; i < 20; i += 1) {
      for (const [model, outputMs] of [['large', 50] as const, ['small', 1] as const]) {
        const result = okResult(100, { inputTokens: 0, serviceMs: 100 * outputMs });
        speed?.observe(result, callRequest('c', { model }), 'e1', 1);
      }
    }
    // 90 tokens at 50 ms take longer than 990 at 1 ms.
    bench.submit('few', 'short', { model: 'large' });
    bench.submit('many', 'long', { model: 'small' });
    for (let i = 0; i < 2; i += 1) bench.end();
    expect(bench.granted).toEqual(['many', 'few']);
  });
});
