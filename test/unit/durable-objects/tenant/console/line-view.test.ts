/**
 * The line as the console shows it: the order in which the dispatcher grants, and why each run is
 * where it is, by every policy. One slot is taken; an output token takes 1 ms.
 */
import { describe, expect, it } from 'vitest';
import { linePage } from '../../../../../durable-objects/tenant/console/line-view.ts';
import { nowView } from '../../../../../durable-objects/tenant/console/now-view.ts';
import { Dispatcher } from '../../../../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../../../../src/core/dispatch/dispatcher-config.ts';
import { seededRandom } from '../../../../../src/core/learning/random.ts';
import { POLICY_NAMES, type PolicyName } from '../../../../../src/core/order/policies/registry.ts';
import type { CallRequest } from '../../../../../src/core/runs/call-request.ts';
import { LINE_SHOWN } from '../../../../../src/protocol/console/now.ts';
import { whyWords } from '../../../../../src/protocol/console/why.ts';
import { AdapterWorld } from '../../../../adapter-world.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../../dispatch-builders.ts';
import { llm, runOf } from '../../../../run-builders.ts';

const TOKENS = { short: 90, long: 990 };

class Bench {
  readonly dispatcher: Dispatcher;
  readonly config: DispatcherConfig;
  readonly granted: string[] = [];
  now = 10_000;

  constructor(policy: PolicyName, fields: Partial<DispatcherConfig> = {}) {
    this.config = configOf({ policy, slots: 1, alpha: 0.1, ...fields });
    this.dispatcher = new Dispatcher(this.config, { random: seededRandom(1) }, 0);
    for (const [app, tokens] of Object.entries(TOKENS)) {
      for (let i = 0; i < 30; i += 1) {
        const { models, speeds } = this.dispatcher;
        models.learn(runOf(app, llm('unit', [tokens])), i, speeds);
      }
    }
    this.submit('holder', 'long');
  }

  submit(callId: string, app: string, fields: Partial<CallRequest> = {}): void {
    const call = callRequest(callId, { app, arrivedAt: this.now, final: true, ...fields });
    this.#note(this.dispatcher.step([{ type: 'submitted', call }], this.now));
  }

  end(callId: string): void {
    const result = okResult(90);
    this.#note(this.dispatcher.step([{ type: 'ended', callId, result }], this.now));
  }

  /** Ends calls until none waits; returns the order of their grants. */
  drain(): string[] {
    for (let i = 0; i < this.granted.length; i += 1) this.end(this.granted[i] ?? '');
    return this.granted;
  }

  line(after = 0, limit = 1_000) {
    const backend = this.dispatcher.backends.get('llm');
    if (!backend) throw new Error('no backend');
    return linePage(this.dispatcher, backend, this.config, { after, limit, now: this.now });
  }

  kinds(run: string): string[] {
    const row = this.line().rows.find((r) => r.run === run);
    return row?.why.map(({ kind }) => kind) ?? [];
  }

  #note(effects: ReadonlyArray<{ type: string; callId?: string }>): void {
    for (const { type, callId } of effects) if (type === 'granted') this.granted.push(callId ?? '');
  }
}

/** Three runs a few ms apart: a long one, another, and a short one that comes last. */
function threeRuns(policy: PolicyName, fields: Partial<DispatcherConfig> = {}): Bench {
  const bench = new Bench(policy, fields);
  bench.submit('long-1', 'long');
  bench.now += 100;
  bench.submit('long-2', 'long', { deadlineAt: bench.now + 60_000 });
  bench.now += 100;
  bench.submit('short', 'short');
  return bench;
}

describe('the line', () => {
  it.each(POLICY_NAMES)('by %s is in the order of the grants, and each run says why', (policy) => {
    const bench = threeRuns(policy);
    const { rows, total } = bench.line();
    expect(total).toBe(3);
    expect(rows.map(({ position }) => position)).toEqual([1, 2, 3]);
    for (const { why, whyWords: words } of rows) {
      expect(why.length).toBeGreaterThan(0);
      expect(words).toBe(whyWords(why));
      expect(words).toMatch(/^[\x20-\x7e]+$/);
    }
    expect(rows[0]?.why[0]).toEqual({ kind: 'next' });
    const shown = rows.map(({ run }) => run);
    // Service changes the shares while the line is served.
    if (policy !== 'vtc') expect(bench.drain().slice(1)).toEqual(shown);
  });

  it('says that shorter runs are ahead, by how much, and how many places that cost', () => {
    const bench = threeRuns('gittins');
    expect(bench.line().rows[0]?.run).toBe('short');
    const row = bench.line().rows.find(({ run }) => run === 'long-1');
    expect(row?.why).toContainEqual({ kind: 'places-lost', runs: 1 });
    const shorter = row?.why.find(({ kind }) => kind === 'shorter-ahead');
    expect(shorter).toMatchObject({ aheadRuns: 1 });
    const lessMs = shorter && 'expectsLessMs' in shorter ? shorter.expectsLessMs : 0;
    expect(lessMs).toBeGreaterThan(500);
    expect(lessMs).toBeLessThan(1_500);
    expect(row?.whyWords).toContain('1 run that expects less work');
    expect(row?.whyWords).toContain('1 place lost');
  });

  it('says that earlier runs are ahead, and nothing of work that does not count', () => {
    for (const policy of ['fcfs', 'app-fcfs'] as const) {
      const bench = threeRuns(policy);
      expect(bench.kinds('short')).toContain('earlier-ahead');
      expect(bench.kinds('short')).not.toContain('shorter-ahead');
      expect(bench.kinds('short')).not.toContain('places-lost');
    }
  });

  it('names the deadline, the service and the age as the rules that put runs ahead', () => {
    expect(threeRuns('edf').kinds('short')).toContain('deadline-ahead');
    expect(threeRuns('lstf').kinds('short')).toContain('deadline-ahead');
    const shared = threeRuns('vtc');
    shared.submit('short-2', 'short');
    shared.end('holder');
    expect(shared.granted.at(-1)).toBe('short');
    expect(shared.kinds('long-1')).toContain('less-served-ahead');
    // With much weight on the arrival the short run, which came last, stays last.
    expect(threeRuns('gittins', { alpha: 100 }).kinds('short')).toContain('earlier-ahead');
  });

  it('says when nobody can overtake a run any more', () => {
    const bench = threeRuns('gittins');
    expect(bench.kinds('long-1')).toContain('bound-in');
    bench.now += 60_000;
    expect(bench.kinds('long-1')).toContain('bound-reached');
  });

  it('puts a run whose deadline is near before the others, and says so', () => {
    const bench = new Bench('talaria-ddl');
    bench.submit('short', 'short');
    bench.submit('near', 'long', { deadlineAt: bench.now + 1_100 });
    // The choice is made when a slot is looked for.
    bench.dispatcher.step([{ type: 'tick' }], bench.now);
    const [first, second] = bench.line().rows;
    expect(first?.run).toBe('near');
    expect(first?.why[0]).toMatchObject({ kind: 'urgent' });
    expect(second?.why[0]).toMatchObject({ kind: 'deadline-ahead', aheadRuns: 1 });
    expect(bench.drain().slice(1)).toEqual(['near', 'short']);
  });

  it('says that no endpoint is warm, and when one will be', () => {
    const coldStart = { estimateMs: 20_000, idleTimeoutMs: 60_000 };
    const llmSpec = backendSpec({ endpoints: [{ id: 'e1', slots: 1, coldStart }] });
    const bench = new Bench('gittins', { backends: { llm: llmSpec } });
    bench.now += 5_000;
    const [row] = bench.line().rows;
    expect(row?.why).toContainEqual({ kind: 'endpoint-cold', startsInMs: 15_000 });
  });

  it('says that slots are taken, that keys take turns, and that a call needs several slots', () => {
    const bench = new Bench('gittins');
    bench.submit('wide', 'short', { sequences: 3, keyId: 'greedy' });
    bench.submit('other', 'short', { keyId: 'other' });
    expect(bench.kinds('wide')).toContain('needs-slots');
    expect(bench.kinds('wide')).toContain('slots-busy');
  });

  it('has the calls that wait for their adapter after the queue, and says when it is loaded', () => {
    const world = new AdapterWorld({ slots: 1 });
    world.submit('for-a', 'a');
    world.submit('holder', 'm');
    world.submit('queued', 'm');
    const order = { policy: 'gittins', alpha: 0.5 } as const;
    const wanted = { after: 0, limit: 10, now: 400 };
    const { rows, total } = linePage(world.dispatcher, world.backend, order, wanted);
    expect(total).toBe(2);
    expect(rows.map(({ call }) => call)).toEqual(['queued', 'for-a']);
    expect(rows[1]).toMatchObject({
      expectedWaitMs: 600,
      why: [{ kind: 'adapter-loading', adapter: 'a', inMs: 600 }],
      whyWords: 'waits for its adapter a: loaded in about 600 ms',
    });
    const later = linePage(world.dispatcher, world.backend, order, { ...wanted, after: 1 });
    expect(later.rows.map(({ call }) => call)).toEqual(['for-a']);
  });

  it('is paged by position, without a gap, and its whole length is told', () => {
    const bench = new Bench('gittins');
    for (let i = 0; i < 25; i += 1) {
      bench.submit(`r${i}`, i % 2 === 0 ? 'short' : 'long');
      bench.now += 10;
    }
    const runs: string[] = [];
    for (let after: string | undefined = '0'; after !== undefined; ) {
      const page = bench.line(Number(after), 10);
      expect(page.total).toBe(25);
      runs.push(...page.rows.map(({ run }) => run));
      after = page.after;
    }
    expect(runs).toEqual(bench.line().rows.map(({ run }) => run));
    expect(new Set(runs).size).toBe(25);
    expect(bench.line(1_000_000, 10).rows).toEqual([]);
  });

  it('is only looked at: what is learned of waits stays the same', () => {
    const looked = threeRuns('gittins');
    const unlooked = threeRuns('gittins');
    for (let i = 0; i < 50; i += 1) looked.line();
    expect(
      [...(looked.dispatcher.backends.get('llm')?.waitingCalls() ?? [])].map((c) => c.told),
    ).toEqual(
      [...(unlooked.dispatcher.backends.get('llm')?.waitingCalls() ?? [])].map((c) => c.told),
    );
    expect(looked.drain()).toEqual(unlooked.drain());
  });
});

describe('the present', () => {
  it('says of a call whose Worker is silent since when it is, and when its slot is free', () => {
    const bench = new Bench('gittins', { leaseMs: 90_000 });
    const silentOf = () => {
      const [run] = nowView({
        dispatcher: bench.dispatcher,
        order: bench.config,
        startedAt: 0,
        version: 1,
        storedToday: () => undefined,
        now: bench.now,
      }).running;
      return run?.calls[0]?.silent;
    };
    const startedAt = bench.now;
    expect(silentOf()).toBeUndefined();
    bench.now += 61_000;
    bench.dispatcher.step([{ type: 'tick' }], bench.now);
    expect(silentOf()).toEqual({ since: startedAt, freedAt: startedAt + 105_000 });
    bench.dispatcher.step([{ type: 'renewed', callId: 'holder' }], bench.now);
    expect(silentOf()).toBeUndefined();
    bench.now += 61_000;
    bench.dispatcher.step([{ type: 'tick' }], bench.now);
    const freedAt = silentOf()?.freedAt ?? 0;
    bench.now = freedAt + 1_000;
    bench.dispatcher.step([{ type: 'tick' }], bench.now);
    expect(bench.dispatcher.call('holder')).toBeUndefined();
  });

  it('of 10,000 waiting runs shows the first of them and how many there are', () => {
    const bench = new Bench('gittins', {
      backends: { llm: { ...backendSpec({ slots: 1 }), queueDepth: 20_000 } },
    });
    for (let i = 0; i < 10_000; i += 1) {
      bench.submit(`r${i}`, `app <b>${i % 7}</b>\u202e`);
      bench.now += 1;
    }
    const now = nowView({
      dispatcher: bench.dispatcher,
      order: bench.config,
      startedAt: 0,
      version: 1,
      storedToday: () => undefined,
      now: bench.now,
    });
    const [backend] = now.backends;
    expect(backend).toMatchObject({ waitingCalls: 10_000, waitingRuns: 10_000, runningCalls: 1 });
    expect(backend?.line.rows).toHaveLength(LINE_SHOWN);
    expect(backend?.line.after).toBe(String(LINE_SHOWN));
    expect(JSON.stringify(now).length).toBeLessThan(200_000);
    expect(now.running).toMatchObject([{ run: 'holder', callsTotal: 1 }]);
  });
});
