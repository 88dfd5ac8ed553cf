/** The accounts of prewarming, on event sequences whose costs can be computed by hand. */

import { describe, expect, it } from 'vitest';
import type { PrewarmSpec } from '../../../../src/core/backends/backend-spec.ts';
import {
  endpointSnapshot,
  restoreEndpoint,
} from '../../../../src/core/backends/endpoint-snapshot.ts';
import type { DispatchEvent } from '../../../../src/core/dispatch/dispatch-events.ts';
import { Dispatcher } from '../../../../src/core/dispatch/dispatcher.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import type { DailyCounts } from '../../../../src/core/prewarm/daily-accounts.ts';
import { groundsOf } from '../../../../src/core/prewarm/prewarm-outlook.ts';
import type { PrewarmRule } from '../../../../src/core/prewarm/prewarm-rule.ts';
import { backendSpec, callRequest, configOf, okResult } from '../../../dispatch-builders.ts';

const DAY = 86_400_000;
const ON: PrewarmSpec = { mode: 'on', theta: 0.25, pricePerWarmSecond: 2 };

/** A rule that wakes and holds as the test says. */
function ruleOf(wants: { wake: boolean; hold: boolean }): PrewarmRule {
  const decision = (wake: boolean) => ({ wake, probability: 0.5, reason: 'told' });
  return { wake: () => decision(wants.wake), hold: () => decision(wants.hold) };
}

function setUp(releasable = false, whileCold: 'hold' | 'send' = 'hold') {
  const coldStart = { estimateMs: 10_000, idleTimeoutMs: 60_000, releasable };
  const endpoints = [{ id: 'e1', slots: 2, coldStart }];
  const llm = backendSpec({ endpoints, prewarm: ON, whileCold });
  const wants = { wake: false, hold: false };
  const dispatcher = new Dispatcher(
    configOf({ backends: { llm } }),
    { random: seededRandom(1), prewarmRule: ruleOf(wants) },
    0,
  );
  const step = (now: number, ...events: DispatchEvent[]) => dispatcher.step(events, now);
  const forecast = { type: 'forecast', aheadMs: 0 } as const;
  const woken = {
    type: 'wake-answered',
    backend: 'llm',
    endpoint: 'e1',
    ok: true,
    tookMs: 10_000,
  } as const;
  const submit = (id: string, now: number) =>
    step(now, { type: 'submitted', call: callRequest(id, { arrivedAt: now, final: true }) });
  const end = (callId: string, now: number) =>
    step(now, { type: 'ended', callId, result: okResult(10) });
  const sum = (day?: string): Partial<DailyCounts> => {
    const total: Record<string, number> = {};
    for (const entry of dispatcher.accounts.daily.take()) {
      if (day !== undefined && entry.day !== day) continue;
      for (const [field, n] of Object.entries(entry.counts)) {
        if (n !== 0) total[field] = (total[field] ?? 0) + n;
      }
    }
    return total;
  };
  return { dispatcher, wants, step, forecast, woken, submit, end, sum };
}

describe('the accounts', () => {
  it('of a wake on demand: warm time until cold, and a cold wait', () => {
    const { step, submit, end, sum, woken } = setUp();
    submit('a', 0);
    step(10_000, woken);
    end('a', 15_000);
    step(75_000, { type: 'tick' });
    step(500_000, { type: 'tick' });
    expect(sum()).toEqual({
      warmMs: 75_000,
      money: 150,
      coldMs: 425_000,
      sparedMoney: 850,
      demandWakes: 1,
      coldWaits: 1,
      coldWaitMs: 10_000,
    });
  });

  it('of a used ping: what it took, and the wait that it avoided', () => {
    const { step, submit, sum, woken, wants, forecast } = setUp();
    wants.wake = true;
    step(0, forecast);
    wants.wake = false;
    step(10_000, woken);
    submit('a', 30_000);
    const counts = sum();
    expect(counts).toMatchObject({ prewarms: 1, used: 1, pingMs: 30_000, warmMs: 30_000 });
    expect(counts).toMatchObject({ avoidedWaits: 1, avoidedMs: 10_000 });
    expect(counts.coldWaits).toBeUndefined();
  });

  it('of a late ping: the rest of the wait counts as cold wait', () => {
    const { step, submit, sum, woken, wants, forecast } = setUp();
    wants.wake = true;
    step(0, forecast);
    wants.wake = false;
    submit('a', 4_000);
    step(10_000, woken);
    expect(sum()).toMatchObject({ late: 1, coldWaitMs: 6_000, avoidedMs: 4_000, pingMs: 10_000 });
  });

  it('of calls that the platform holds until it is up: they wait there', () => {
    const { step, submit, sum, wants, forecast } = setUp(false, 'send');
    wants.wake = true;
    step(0, forecast);
    wants.wake = false;
    submit('a', 4_000);
    expect(sum()).toMatchObject({ late: 1, coldWaits: 1, coldWaitMs: 6_000, avoidedMs: 4_000 });
    // The wake is settled, but a call still waits for the rest of it.
    submit('b', 9_000);
    expect(sum()).toMatchObject({ coldWaits: 1, coldWaitMs: 1_000 });
    const cold = setUp(false, 'send');
    cold.submit('a', 4_000);
    expect(cold.sum()).toMatchObject({ demandWakes: 1, coldWaits: 1, coldWaitMs: 10_000 });
  });

  it('of a call that is tried again: its wait is counted once', () => {
    const { step, submit, sum, woken } = setUp();
    submit('a', 0);
    step(10_000, woken);
    expect(sum()).toMatchObject({ coldWaits: 1, coldWaitMs: 10_000 });
    const result = okResult(0, { outcome: 'failed', busy: true });
    step(11_000, { type: 'ended', callId: 'a', again: true, result });
    const effects = step(12_000, { type: 'tick' });
    expect(effects.map((e) => e.type)).toContain('granted');
    expect(sum().coldWaits).toBeUndefined();
  });

  it('of a call that finds an endpoint cold that was considered warm: it waits from then on', () => {
    const { step, submit, end, sum, woken } = setUp();
    submit('a', 0);
    step(10_000, woken);
    end('a', 20_000);
    sum();
    submit('b', 50_000);
    const result = okResult(0, { outcome: 'failed', cold: true });
    step(51_000, { type: 'ended', callId: 'b', again: true, result });
    const granted = step(61_000, woken).find((e) => e.type === 'granted');
    expect(granted).toMatchObject({ coldMs: 10_000 });
    expect(sum()).toMatchObject({ demandWakes: 1, coldWaits: 1, coldWaitMs: 10_000 });
  });

  it('of a ping that nobody used, and one that failed', () => {
    const { step, sum, woken, wants, forecast } = setUp();
    wants.wake = true;
    step(0, forecast);
    wants.wake = false;
    step(10_000, woken);
    step(70_000, { type: 'tick' });
    expect(sum()).toMatchObject({ wasted: 1, pingMs: 70_000, warmMs: 70_000 });
    wants.wake = true;
    step(100_000, forecast);
    wants.wake = false;
    step(103_000, { ...woken, ok: false });
    expect(sum()).toMatchObject({ failed: 1, pingMs: 3_000, warmMs: 3_000 });
  });

  it('of a ping while an earlier call still runs: after its answer that call keeps the endpoint warm', () => {
    const { step, submit, sum, woken, wants, forecast } = setUp();
    submit('a', 0);
    step(10_000, woken);
    // The endpoint is considered cold although the call is still running.
    step(11_000, { ...woken, ok: false });
    wants.wake = true;
    step(12_000, forecast);
    wants.wake = false;
    sum();
    step(15_000, woken);
    const counts = sum();
    expect(counts).toMatchObject({ used: 1, pingMs: 3_000 });
    expect(counts.avoidedMs).toBeUndefined();
  });

  it('of a ping that failed while calls were served: the calls show that it is warm', () => {
    const { dispatcher, step, submit, end, woken, wants } = setUp();
    const state = () => dispatcher.backends.get('llm')?.endpoints.get('e1')?.state;
    submit('a', 0);
    step(10_000, woken);
    end('a', 12_000);
    wants.hold = true;
    step(60_000, { type: 'forecast', aheadMs: 0 });
    submit('b', 60_100);
    end('b', 60_500);
    step(61_000, { ...woken, ok: false, tookMs: 1_000 });
    expect(state()).toBe('warm');
    // No call was served since, so the second failed ping counts.
    step(61_600, { ...woken, ok: false, tookMs: 1_000 });
    expect(state()).toBe('cold');
  });

  it.each([
    [65_000, {}],
    [100_000, { avoidedWaits: 1, avoidedMs: 10_000 }],
  ])(
    'of keeping warm: used at %i, it avoided the wait if it would have been cold by then',
    (usedAt, spared) => {
      const { step, submit, end, sum, woken, wants } = setUp();
      submit('a', 0);
      step(10_000, woken);
      end('a', 12_000);
      wants.hold = true;
      // Idle since 12 s, cold at 72 s; the last fifth of the timeout begins at 60 s.
      step(60_000, { type: 'forecast', aheadMs: 0 });
      wants.hold = false;
      step(60_100, { ...woken, tookMs: 100 });
      sum();
      submit('b', usedAt);
      const { used, avoidedWaits, avoidedMs } = sum();
      expect(used).toBe(1);
      expect({ avoidedWaits, avoidedMs }).toEqual({
        avoidedWaits: undefined,
        avoidedMs: undefined,
        ...spared,
      });
    },
  );

  it('count a release, and nothing warm after it', () => {
    const { step, submit, end, sum, woken, wants } = setUp(true);
    for (let i = 0; i < 25; i += 1) {
      submit(`c${i}`, i * 1_000);
      if (i === 0) step(500, woken);
      end(`c${i}`, i * 1_000 + 600);
    }
    wants.hold = false;
    const effects = step(60_000, { type: 'forecast', aheadMs: 0 });
    expect(effects).toMatchObject([{ type: 'release', reason: 'told' }]);
    step(500_000, { type: 'tick' });
    expect(sum()).toMatchObject({ releases: 1, warmMs: 60_000 });
  });

  it('are of UTC days', () => {
    const { dispatcher, step, submit, woken, end } = setUp();
    submit('a', DAY - 10_000);
    step(DAY, woken);
    end('a', DAY + 5_000);
    step(DAY + 65_000, { type: 'tick' });
    const days = dispatcher.accounts.daily.take().map(({ day, counts }) => [day, counts.warmMs]);
    expect(days).toEqual([
      ['1970-01-01', 10_000],
      ['1970-01-02', 65_000],
    ]);
  });

  it('continue after a restart', () => {
    const first = setUp();
    first.submit('a', 0);
    first.step(10_000, first.woken);
    first.end('a', 15_000);
    first.sum();
    const second = setUp();
    endpointAgain(first.dispatcher, second.dispatcher);
    second.dispatcher.accounts.restore(first.dispatcher.accounts.snapshot(15_000));
    second.step(400_000, { type: 'tick' });
    // Warm until its idle timeout ended, although there was no event at that time.
    expect(second.sum()).toMatchObject({ warmMs: 60_000 });
  });
});

describe('a wake that was under way when the object died', () => {
  /**
   * A prewarm wake, then a restart. `upAt`: the time of its answer, if that came before the
   * restart.
   */
  function restarted(upAt?: number) {
    const first = setUp();
    first.wants.wake = true;
    first.step(0, first.forecast);
    if (upAt !== undefined) first.step(upAt, first.woken);
    first.sum();
    const second = setUp();
    endpointAgain(first.dispatcher, second.dispatcher);
    second.dispatcher.accounts.restore(first.dispatcher.accounts.snapshot(upAt ?? 0));
    return second;
  }

  it('is used or wasted where it had been answered', () => {
    const used = restarted(10_000);
    used.submit('a', 20_000);
    expect(used.sum()).toMatchObject({ used: 1, pingMs: 20_000, avoidedMs: 10_000 });
    const wasted = restarted(10_000);
    wasted.step(100_000, { type: 'tick' });
    expect(wasted.sum()).toMatchObject({ wasted: 1 });
  });

  it('is late for a call that waits, used if the endpoint comes up before, failed if it does not', () => {
    const late = restarted();
    late.submit('a', 8_000);
    const ends = late.step(10_000, late.woken).filter((e) => e.type === 'wake-settled');
    // The wake goes on, so none on demand is needed.
    expect(late.sum()).toMatchObject({ late: 1, pingMs: 10_000 });
    expect(ends).toMatchObject([{ wake: { cause: 'prewarm' } }]);
    const up = restarted();
    up.step(10_000, up.woken);
    up.submit('a', 20_000);
    expect(up.sum()).toMatchObject({ used: 1 });
    const failed = restarted();
    failed.step(50_000, { ...failed.woken, ok: false });
    expect(failed.sum()).toMatchObject({ failed: 1 });
  });
});

describe('unused warm time', () => {
  it('counts from the last call on, over wakes, cold times and restarts, until the next', () => {
    const { dispatcher, wants, step, forecast, woken, submit, end } = setUp();
    const unusedMs = () => dispatcher.accounts.unusedMs('llm');
    submit('a', 0);
    step(10_000, woken);
    end('a', 15_000);
    step(20_000, { type: 'tick' });
    expect(unusedMs()).toBe(5_000);
    // It goes cold after its idle timeout; what is cold is not up.
    step(500_000, { type: 'tick' });
    expect(unusedMs()).toBe(60_000);
    wants.wake = true;
    step(500_000, forecast);
    step(510_000, woken);
    step(530_000, { type: 'tick' });
    expect(unusedMs()).toBe(90_000);
    const again = setUp();
    again.dispatcher.accounts.restore(
      JSON.parse(JSON.stringify(dispatcher.accounts.snapshot(530_000))),
    );
    expect(again.dispatcher.accounts.unusedMs('llm')).toBe(90_000);
    submit('b', 540_000);
    expect(unusedMs()).toBe(0);
    // While a call runs, its endpoint is in use.
    step(550_000, { type: 'tick' });
    expect(unusedMs()).toBe(0);
  });
});

describe('reasons', () => {
  it('name the rate and the probability against theta', () => {
    const coldStart = { estimateMs: 10_000, idleTimeoutMs: 60_000 };
    const llm = backendSpec({
      endpoints: [{ id: 'e1', slots: 2, coldStart }],
      prewarm: { mode: 'dry-run', theta: 0 },
    });
    const dispatcher = new Dispatcher(
      configOf({ backends: { llm } }),
      { random: seededRandom(1) },
      0,
    );
    const [effect] = dispatcher.step([{ type: 'forecast', aheadMs: 0 }], 0);
    expect(effect).toMatchObject({ type: 'wake', dryRun: true });
    expect(effect?.type === 'wake' ? effect.wake.reason : '').toMatch(
      /^P\(need\)=\d\.\d+ theta=0\.000 runs=0 P\(arrival\)=\S+ rate=\S+\/s$/,
    );
    expect(dispatcher.prewarmOutlook(0)).toMatchObject([
      { backend: 'llm', mode: 'dry-run', runs: [], endpoints: [{ decision: 'wake' }] },
    ]);
  });

  it('name the likeliest runs', () => {
    const of = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, app: 'chat' }));
    const runs = [0.1, 0, 0.9, 0.5, 0.2];
    expect(groundsOf({ runs, of, arrivals: 0 }, 0.01)).toBe(
      'rate=0.0100/s by chat/c:0.90 chat/d:0.50 chat/e:0.20',
    );
  });
});

/** What is stored of the endpoint in one dispatcher is restored in another. */
function endpointAgain(...dispatchers: [first: Dispatcher, second: Dispatcher]): void {
  const [from, to] = dispatchers.map((d) => d.backends.get('llm')?.endpoints.get('e1'));
  if (!from || !to) throw new Error('no endpoint');
  restoreEndpoint(to, JSON.parse(JSON.stringify(endpointSnapshot(from))));
}
