/**
 * Known defects of the published system's code, each with a test that the defect would fail. The
 * tests check the dispatcher's order, because that is what the defects would change.
 */

import { describe, expect, it } from 'vitest';
import type { Effect, Granted } from '../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import { rankOnce } from '../../../src/core/gittins/gittins.ts';
import { ApplicationModel } from '../../../src/core/learning/application-model.ts';
import { PriorPool } from '../../../src/core/learning/prior-pool.ts';
import { seededRandom } from '../../../src/core/learning/random.ts';
import { publishedRank } from '../../../src/core/order/policies/gittins-published.ts';
import type { PolicyName } from '../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../src/core/runs/call-request.ts';
import type { RecordedRun } from '../../../src/core/runs/recorded-run.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../dispatch-builders.ts';
import { llm, queryAt, runOf, teach } from '../../run-builders.ts';

const times = <T>(n: number, make: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => make(i));

/** A dispatcher with one slot, taken by a blocker; waiting calls go in the policy's order. */
class OneSlot {
  readonly dispatcher: Dispatcher;
  now = 1_000_000;
  #running = '';

  constructor(history: readonly RecordedRun[], policy: PolicyName = 'gittins') {
    const config = configOf({ policy, slots: 1, alpha: 0, leaseMs: 1e9 });
    this.dispatcher = new Dispatcher(config, { random: seededRandom(1) }, 0);
    for (const run of history) this.dispatcher.models.learn(run, 0, this.dispatcher.speeds);
  }

  submit(callId: string, fields: Partial<CallRequest>): void {
    const call = callRequest(callId, { arrivedAt: this.now, inputTokens: 0, ...fields });
    this.#note(this.dispatcher.step([{ type: 'submitted', call }], this.now));
  }

  /** Ends the running call after this many tokens; returns the call that goes next. */
  end(tokens = 1): string {
    const result = okResult(tokens, { inputTokens: 0, serviceMs: tokens });
    const callId = this.#running;
    this.#running = '';
    this.#note(this.dispatcher.step([{ type: 'ended', callId, result }], this.now));
    return this.#running;
  }

  #note(effects: readonly Effect[]): void {
    const granted = effects.find((e): e is Granted => e.type === 'granted');
    if (granted) this.#running = granted.callId;
  }
}

describe('a random walk that ignores the fan-out', () => {
  /**
   * A fan-out, a step in between, and a fan-out of the same width, as in an application that checks
   * answers.
   */
  const history = times(200, (i) => {
    const width = (i % 8) + 1;
    return runOf(
      'checks',
      llm('generate', new Array<number>(width).fill(100), 0),
      llm('reflect', [50], 0),
      llm('verify', new Array<number>(width).fill(1_000), 0),
    );
  });

  it('does not happen: what follows a fan-out is as wide as it was', () => {
    const model = new ApplicationModel('checks', new PriorPool());
    teach(model, history);
    const atGenerate = (fanOut: number) =>
      model.rankMs(queryAt('generate', { fanOut, inputTokens: 0 }));
    const atReflect = (fanOutBefore: number) =>
      model.rankMs(
        queryAt('reflect', { fanOutBefore, beforeMs: 100 * fanOutBefore, inputTokens: 0 }),
      );
    // If the widths were drawn independently, the verification would take 4,500 ms after any
    // fan-out.
    expect(atGenerate(1)).toBeLessThan(1_800);
    expect(atGenerate(8)).toBeGreaterThan(7_500);
    expect(atReflect(1)).toBeLessThan(1_800);
    expect(atReflect(8)).toBeGreaterThan(7_000);
  });

  it('does not affect the order: the narrow run goes first although it came later', () => {
    const line = new OneSlot(history);
    line.submit('wide-0', { runId: 'wide', app: 'checks', unit: 'generate' });
    for (const i of times(7, (n) => n + 1)) {
      line.submit(`wide-${i}`, { runId: 'wide', app: 'checks', unit: 'generate' });
    }
    for (const _ of times(8, (n) => n)) line.end(100);
    line.submit('narrow-0', { runId: 'narrow', app: 'checks', unit: 'generate' });
    line.end(100);
    line.submit('blocker', { app: 'blocker' });
    line.submit('wide-reflect', { runId: 'wide', app: 'checks', unit: 'reflect' });
    line.submit('narrow-reflect', { runId: 'narrow', app: 'checks', unit: 'reflect' });
    expect(line.end()).toBe('narrow-reflect');
  });
});

describe('a run taken as finished after 5 s of silence', () => {
  const steps = (...pausesMs: number[]) => {
    const dispatcher = new Dispatcher(configOf({ slots: 1 }), { random: seededRandom(1) }, 0);
    const effects: Effect[] = [];
    let now = 0;
    [0, ...pausesMs].forEach((pauseMs, i) => {
      for (const end = now + pauseMs; now < end; ) {
        now = Math.min(end, now + 1_000);
        effects.push(...dispatcher.step([{ type: 'tick' }], now));
      }
      const callId = `c${i}`;
      const call = callRequest(callId, { runId: 'r', unit: `u${i}`, arrivedAt: now });
      effects.push(...dispatcher.step([{ type: 'submitted', call }], now));
      // In service for longer than any silence timeout, but a run in service is not silent.
      for (const end = now + 40_000; now < end; ) {
        now += 10_000;
        effects.push(...dispatcher.step([{ type: 'renewed', callId }], now));
      }
      effects.push(...dispatcher.step([{ type: 'ended', callId, result: okResult(10) }], now));
    });
    effects.push(...dispatcher.step([{ type: 'run-finished', runId: 'r' }], now));
    return effects.filter((e) => e.type === 'run-finished');
  };

  it('does not happen: it continues after a pause, and is recorded and learned from as one', () => {
    const finished = steps(5_001, 12_000, 29_000);
    expect(finished).toHaveLength(1);
    expect(finished[0]?.record?.units.map((u) => [u.unit, u.gap_ms])).toEqual([
      ['u0', 5_001],
      ['u1', 12_000],
      ['u2', 29_000],
      ['u3', undefined],
    ]);
  });

  it('does not happen while its client runs a unit of its own', () => {
    const dispatcher = new Dispatcher(configOf(), { random: seededRandom(1) }, 0);
    const began = { type: 'unit-began', runId: 'r', app: 'app', unit: 'think' } as const;
    dispatcher.step([began], 0);
    expect(dispatcher.step([{ type: 'tick' }], 300_000)).toEqual([]);
    expect(dispatcher.register.runs.has('r')).toBe(true);
  });
});

describe('rank 0 for a run that is older than every sample', () => {
  const history = times(30, () => runOf('steady', llm('unit', [100, 100], 0)));

  it('is what the published formula gives', () => {
    expect(publishedRank([100, 100, 100], 101)).toBe(0);
    expect(rankOnce(Float64Array.of(100, 100, 100), 101)).toBe(101);
  });

  it.each(['gittins', 'gittins-total'] as const)('is not given by %s: it goes behind', (policy) => {
    const line = new OneSlot(history, policy);
    // Two calls are usual; this run makes four, of which two have ended after a long time.
    for (const id of ['old-0', 'old-1', 'old-2', 'old-3']) {
      line.submit(id, { runId: 'old', app: 'steady', unit: 'unit' });
    }
    line.end(5_000);
    line.submit('fresh', { runId: 'fresh', app: 'steady', unit: 'unit' });
    expect(line.end(5_000)).toBe('fresh');
  });

  it('is given by the published policy: it goes first', () => {
    const line = new OneSlot(history, 'gittins-published');
    for (const id of ['old-0', 'old-1', 'old-2', 'old-3']) {
      line.submit(id, { runId: 'old', app: 'steady', unit: 'unit' });
    }
    line.end(5_000);
    line.submit('fresh', { runId: 'fresh', app: 'steady', unit: 'unit' });
    expect(line.end(5_000)).toBe('old-2');
  });
});

describe('0.06 s a token on every machine', () => {
  const SPEEDS = { fast: 5, slow: 80 };
  const start = (assumed: Readonly<Record<'fast' | 'slow', number>>) => {
    const spec = (outputMs: number) => backendSpec({ slots: 1, speed: { inputMs: 0, outputMs } });
    const backends = { fast: spec(assumed.fast), slow: spec(assumed.slow) };
    const config = configOf({ alpha: 0, backends });
    return new Dispatcher(config, { random: seededRandom(1) }, 0);
  };
  /** The ranks at both backends of applications that generate 100 tokens. */
  const ranks = (dispatcher: Dispatcher) => {
    for (const backend of ['fast', 'slow']) {
      for (const _ of times(30, (n) => n)) {
        const run = runOf(`on-${backend}`, { ...llm('unit', [100], 0), backend });
        dispatcher.models.learn(run, 0, dispatcher.speeds);
      }
    }
    return (['fast', 'slow'] as const).map((backend) => {
      const fields = { app: `on-${backend}`, backend, inputTokens: 0, arrivedAt: 9_000 };
      const call = callRequest(`ask-${backend}`, fields);
      const effects = dispatcher.step([{ type: 'submitted', call }], 9_000);
      return effects.find((e): e is Granted => e.type === 'granted')?.rankMs ?? 0;
    });
  };

  it('is not assumed: a rank counts milliseconds of the backend that will serve', () => {
    const [fast = 0, slow = 0] = ranks(start(SPEEDS));
    expect(fast / 500).toBeCloseTo(1, 2);
    expect(slow / 8_000).toBeCloseTo(1, 2);
  });

  it('is corrected by observed speeds where it was configured', () => {
    const dispatcher = start({ fast: 60, slow: 60 });
    for (const backend of ['fast', 'slow'] as const) {
      for (const i of times(40, (n) => n)) {
        const callId = `${backend}${i}`;
        const call = callRequest(callId, { backend, app: 'any', inputTokens: 0, final: true });
        dispatcher.step([{ type: 'submitted', call }], i);
        const serviceMs = 50 * SPEEDS[backend];
        const result = okResult(50, { inputTokens: 0, serviceMs });
        dispatcher.step([{ type: 'ended', callId, result }], i);
      }
    }
    const [fast = 0, slow = 0] = ranks(dispatcher);
    expect(Math.abs(fast / 500 - 1)).toBeLessThan(0.05);
    expect(Math.abs(slow / 8_000 - 1)).toBeLessThan(0.05);
  });
});

describe('the formula E[Y | Y <= D] / P(Y <= D)', () => {
  /**
   * Expected order statistics of twenty exponentials: the mean is 1,000, and the rank is 1,000 at
   * any age.
   */
  const exponential = times(20, (i) =>
    times(i + 1, (k) => 1_000 / (20 - k)).reduce((sum, step) => sum + step, 0),
  );
  const history = [
    // Shuffled, because ascending sizes would be detected as a change in behaviour.
    ...times(20, (i) => runOf('memoryless', llm('unit', [exponential[(i * 7) % 20] ?? 0], 0))),
    ...times(20, () => runOf('certain', llm('unit', [800], 0))),
  ];

  it('ranks an exponential of mean 1 as 0.62, and the right one as 1', () => {
    expect(publishedRank(exponential, 0) / 1_000).toBeCloseTo(0.62, 1);
    expect(rankOnce(Float64Array.from(exponential), 0) / 1_000).toBeCloseTo(1, 9);
  });

  it.each([
    ['gittins', 'certain'],
    ['gittins-total', 'certain'],
    ['gittins-published', 'memoryless'],
  ] as const)('%s lets the %s one go first', (policy, first) => {
    const line = new OneSlot(history, policy);
    line.submit('blocker', { app: 'blocker' });
    line.submit('memoryless', { app: 'memoryless', unit: 'unit' });
    line.submit('certain', { app: 'certain', unit: 'unit' });
    expect(line.end()).toBe(first);
  });
});
