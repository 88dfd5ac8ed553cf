/** Wakes and their reports: which report counts for which wake, and how pings are counted. */
import { describe, expect, it } from 'vitest';
import type { BackendSpec } from '../../../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { DailyCounts } from '../../../../src/core/prewarm/daily-accounts.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const COLD = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
const DAY_MS = 86_400_000;
const FORECAST: DispatchEvent = { type: 'forecast', aheadMs: 0 };

function setUp(fields: Partial<BackendSpec> = {}, ids = ['e']) {
  const wants = { wake: false, hold: false };
  const decision = (wake: boolean) => ({ wake, probability: 0.5, reason: 'told' });
  const rule = { wake: () => decision(wants.wake), hold: () => decision(wants.hold) };
  const endpoints = ids.map((id) => ({ id, slots: 2, coldStart: COLD }));
  const llm = backendSpec({ endpoints, prewarm: { mode: 'on', theta: 0.25 }, ...fields });
  const options = { random: seededRandom(1), prewarmRule: rule };
  const dispatcher = new Dispatcher(configOf({ backends: { llm } }), options, 0);
  const step = (now: number, ...events: DispatchEvent[]) => dispatcher.step(events, now);
  const answer = (ok: boolean, wakeAt?: number, tookMs?: number): DispatchEvent => ({
    type: 'wake-answered',
    backend: 'llm',
    endpoint: 'e',
    ok,
    ...(wakeAt === undefined ? {} : { wakeAt }),
    ...(tookMs === undefined ? {} : { tookMs }),
  });
  const submit = (id: string, now: number) =>
    step(now, { type: 'submitted', call: callRequest(id, { arrivedAt: now, final: true }) });
  const endpointOf = (id = 'e') => {
    const endpoint = dispatcher.backends.get('llm')?.endpoints.get(id);
    if (!endpoint) throw new Error('no endpoint');
    return endpoint;
  };
  const sum = (): Partial<DailyCounts> => {
    const total: Record<string, number> = {};
    for (const { counts } of dispatcher.accounts.daily.take()) {
      for (const [field, n] of Object.entries(counts)) {
        if (n !== 0) total[field] = (total[field] ?? 0) + n;
      }
    }
    return total;
  };
  return { dispatcher, wants, step, answer, submit, endpointOf, sum };
}

const settled = (effects: readonly Effect[]) =>
  effects.flatMap((e) => (e.type === 'wake-settled' ? [[e.wake.cause, e.outcome]] : []));

describe('a report', () => {
  it('of an earlier wake that failed neither ends nor teaches the present one', () => {
    const { step, answer, submit, endpointOf } = setUp();
    submit('a', 0);
    // Given up after a minute, and woken again, since the call still waits.
    step(60_000, { type: 'tick' });
    expect(endpointOf().wake?.at).toBe(60_000);
    expect(settled(step(60_500, answer(false, 0, 60_500)))).toEqual([]);
    expect(endpointOf().state).toBe('warming');
    step(130_000, answer(true, 60_000, 70_000));
    expect(endpointOf().state).toBe('warm');
    // The start counts from the first wake.
    expect(endpointOf().coldStartMs).toBe(130_000);
  });

  it('of an earlier wake that succeeded proves the endpoint up, and teaches nothing', () => {
    const { step, answer, submit, endpointOf } = setUp();
    submit('a', 0);
    step(60_000, { type: 'tick' });
    const effects = step(60_500, answer(true, 0, 60_500));
    expect(effects.map((e) => e.type)).toContain('granted');
    expect(endpointOf().learning.learned?.coldStart.observations).toBe(0);
  });

  it('is that of the last wake where it names none', () => {
    const { step, answer, submit, endpointOf } = setUp();
    submit('a', 0);
    step(9_000, answer(true, undefined, 9_000));
    expect(endpointOf().coldStartMs).toBe(9_000);
  });

  it('of a failure is shown until a wake succeeds', () => {
    const { step, answer, submit, endpointOf } = setUp();
    submit('a', 0);
    const failed = { ...answer(false, 0, 1_000), reason: 'status 401' };
    step(1_000, failed);
    expect(endpointOf().wakes.error).toEqual({ at: 1_000, reason: 'status 401' });
    step(20_000, answer(true));
    expect(endpointOf().wakes.error).toBeUndefined();
  });

  it('waits longer for a start the longer it was waited for', () => {
    const { dispatcher, step, submit, endpointOf } = setUp({ maxWaitColdMs: 3_600_000 });
    const patience = [60_000];
    submit('a', 0);
    for (let now = endpointOf().changesAt; patience.length < 5; now = dispatcher.dueAt(now)) {
      const wakes = step(now, { type: 'tick' }).filter((e) => e.type === 'wake');
      patience.push(...wakes.map((wake) => wake.patienceMs));
    }
    expect(patience).toEqual([60_000, 120_000, 360_000, 1_080_000, 1_800_000]);
  });
});

describe('a chain of pings that keep an endpoint warm', () => {
  function chainOfThree() {
    const world = setUp();
    const { step, answer, wants } = world;
    wants.wake = true;
    step(0, FORECAST);
    step(10_000, answer(true, 0));
    Object.assign(wants, { wake: false, hold: true });
    const effects: Effect[] = [];
    for (const at of [58_000, 106_000, 154_000]) {
      effects.push(...step(at, { type: 'tick' }), ...step(at, answer(true, at)));
    }
    expect(settled(effects)).toEqual([]);
    wants.hold = false;
    return world;
  }

  it('is used as a whole by the call that it was for', () => {
    const { submit, sum } = chainOfThree();
    expect(settled(submit('a', 190_000))).toEqual([['keep-warm', 'used']]);
    expect(sum()).toMatchObject({
      prewarms: 1,
      keepWarms: 3,
      used: 4,
      pingMs: 190_000,
      avoidedWaits: 1,
    });
  });

  it('is wasted as a whole where none comes', () => {
    const { step, sum } = chainOfThree();
    expect(settled(step(400_000, { type: 'tick' }))).toEqual([['keep-warm', 'wasted']]);
    const counts = sum();
    expect(counts).toMatchObject({ prewarms: 1, keepWarms: 3, wasted: 4, pingMs: 214_000 });
    expect(counts.used).toBeUndefined();
  });

  it('is wasted but for its last ping where that one fails', () => {
    const { step, answer, sum, wants, endpointOf } = chainOfThree();
    wants.hold = true;
    step(202_000, { type: 'tick' });
    expect(settled(step(203_000, answer(false, 202_000, 1_000)))).toEqual([
      ['keep-warm', 'failed'],
    ]);
    expect(sum()).toMatchObject({ keepWarms: 4, wasted: 4, failed: 1 });
    expect(endpointOf().state).toBe('cold');
  });
});

describe('a budget', () => {
  const budget = (warmMs: number) =>
    ({ prewarm: { mode: 'on', theta: 0.25, budget: { warmMs } } }) as const;

  it('that can never allow a ping is shown as such', () => {
    const { dispatcher, wants } = setUp(budget(179_999));
    wants.wake = true;
    const [shown] = dispatcher.prewarmOutlook(0)[0]?.endpoints ?? [];
    expect(shown).toMatchObject({ decision: 'over-budget', impossible: true });
    expect(shown?.reason).toContain('may take 180 s');
    const enough = setUp(budget(180_000));
    enough.wants.wake = true;
    const [allowed] = enough.dispatcher.prewarmOutlook(0)[0]?.endpoints ?? [];
    expect(allowed?.decision).toBe('wake');
    expect(allowed?.impossible).toBeUndefined();
  });

  it('that refuses pings records that for each endpoint', () => {
    const { step, wants, endpointOf } = setUp(budget(1_000), ['e', 'f']);
    wants.wake = true;
    const refused = (effects: readonly Effect[]) =>
      effects.flatMap((e) => (e.type === 'over-budget' ? [e.endpoint] : []));
    expect(refused(step(0, FORECAST))).toEqual(['e']);
    endpointOf('e').wakes.answered(0);
    expect(refused(step(1_000, FORECAST))).toEqual(['f']);
    expect(refused(step(2_000, FORECAST))).toEqual([]);
  });

  it('is not minted by a clock that leaps over midnight and back', () => {
    const { dispatcher, step, wants, answer } = setUp(budget(400_000));
    const left = () => dispatcher.accounts.budgets.left('llm', dispatcherNow).backend.warmMs;
    let dispatcherNow = DAY_MS - 1_000_000;
    wants.wake = true;
    step(dispatcherNow, FORECAST);
    step(dispatcherNow + 10_000, answer(true));
    wants.wake = false;
    dispatcherNow += 300_000;
    step(dispatcherNow, { type: 'tick' });
    const before = left() ?? 0;
    expect(before).toBeLessThan(400_000);
    step(DAY_MS + 2_600_000, { type: 'tick' });
    step(dispatcherNow, { type: 'tick' });
    expect(left()).toBeLessThanOrEqual(before);
  });
});

describe('a call that is served while a wake is out', () => {
  it('shows that the endpoint was up: the wake teaches nothing', () => {
    const { step, answer, submit, endpointOf } = setUp();
    step(0, answer(true));
    submit('a', 1_000);
    submit('b', 1_000);
    const cold = okResult(0, { outcome: 'failed', cold: true });
    // The first answer comes while the other call runs: it says nothing of the endpoint.
    step(2_000, { type: 'ended', callId: 'a', result: cold, again: true });
    expect(endpointOf().state).toBe('warm');
    step(3_000, { type: 'ended', callId: 'b', result: okResult(5) });
    expect(endpointOf().learning.learned?.coldStart.observations).toBe(0);
    expect(endpointOf().idleTimeoutMs).toBe(60_000);
  });
});
