/** Endpoints that are not what is configured: what is learned of them, and what the pings cost. */
import { describe, expect, it } from 'vitest';
import type { PrewarmRule } from '../../../../src/core/prewarm/prewarm-rule.ts';
import { LonePlatform } from './lone-platform.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A rule that keeps the endpoint warm for ever, and wakes it only on demand. */
const HOLDS: PrewarmRule = {
  wake: () => ({ wake: false, probability: 0, reason: 'told' }),
  hold: () => ({ wake: true, probability: 1, reason: 'told' }),
};
const ON_DEMAND: PrewarmRule = {
  wake: () => ({ wake: false, probability: 0, reason: 'told' }),
  hold: () => ({ wake: false, probability: 0, reason: 'told' }),
};

function factor(a: number, b: number): number {
  return Math.max(a / b, b / a);
}

describe('an idle timeout that is not the configured one', () => {
  it.each([
    [60_000, 40_000, 'refuse'],
    [60_000, 40_000, 'hold'],
    [60_000, 5_000, 'refuse'],
    [60_000, 5_000, 'hold'],
    [300_000, 30_000, 'refuse'],
    [300_000, HOUR_MS, 'refuse'],
    [30_000, HOUR_MS, 'hold'],
  ] as const)(
    '(%i ms, in truth %i ms; %s) is learned, by pings far apart',
    (configured, idleMs, whileLoading) => {
      const platform = new LonePlatform({
        configured: { estimateMs: 15_000, idleTimeoutMs: configured },
        idleMs,
        startsMs: [15_000],
        whileLoading,
        rule: HOLDS,
      });
      // Longer pauses than the timeout, or nothing could be found out.
      platform.callsEvery(7 * MINUTE_MS + 2 * idleMs, 1_000, 24 * HOUR_MS);
      platform.run(24 * HOUR_MS);
      expect(factor(platform.endpoint.idleTimeoutMs, idleMs)).toBeLessThanOrEqual(1.5);
      expect(factor(platform.endpoint.coldStartMs, 15_000)).toBeLessThanOrEqual(1.2);
      const { pingsAt } = platform;
      const most = Math.max(5_000, idleMs / 5);
      if (pingsAt.length > 10) expect((24 * HOUR_MS) / pingsAt.length).toBeGreaterThanOrEqual(most);
      for (let i = 1; i < pingsAt.length; i += 1) {
        expect((pingsAt[i] ?? 0) - (pingsAt[i - 1] ?? 0)).toBeGreaterThanOrEqual(6_000);
      }
    },
  );

  it('of 40 s costs as many pings as keep it warm, not one each second', () => {
    const platform = new LonePlatform({
      configured: { estimateMs: 15_000, idleTimeoutMs: 60_000 },
      idleMs: 40_000,
      startsMs: [15_000],
      whileLoading: 'refuse',
      rule: HOLDS,
    });
    platform.at(0, () => platform.call());
    platform.run(HOUR_MS);
    expect(platform.pingsAt.length).toBeLessThan(150);
    expect(platform.starts).toBeLessThanOrEqual(4);
  });

  it('is not learned from a crash, however much later the endpoint is used', () => {
    const platform = new LonePlatform({
      configured: { estimateMs: 15_000, idleTimeoutMs: 300_000 },
      idleMs: 300_000,
      startsMs: [15_000],
      whileLoading: 'refuse',
      rule: HOLDS,
    });
    platform.callsEvery(20_000, 1_000, HOUR_MS);
    platform.at(HOUR_MS / 2 - 9_000, () => platform.crash());
    platform.run(2 * HOUR_MS);
    // One more, since it is tried out whether the timeout is longer.
    expect(platform.starts).toBeLessThanOrEqual(3);
    expect(platform.endpoint.idleTimeoutMs).toBeGreaterThanOrEqual(300_000);
    expect(platform.pingsAt.length).toBeLessThanOrEqual(20);
  });
});

describe('an answer of "cold" beside work', () => {
  it('teaches nothing of idling or starting, whether a call runs or has just ended', () => {
    const platform = new LonePlatform({
      configured: { estimateMs: 15_000, idleTimeoutMs: 300_000 },
      idleMs: 300_000,
      startsMs: [180_000, 12_000],
      whileLoading: 'refuse',
      rule: HOLDS,
    });
    platform.callsEvery(12_000, 1_000, 4 * HOUR_MS);
    for (let i = 1; i <= 19; i += 1) {
      const at = HOUR_MS + i * 7 * MINUTE_MS + 1_000;
      // Each gone after 200 ms.
      platform.flaps.push([at, at + 200]);
      platform.at(at + 1, () => platform.call());
    }
    platform.run(4 * HOUR_MS);
    const { learned } = platform.endpoint.learning;
    expect(learned?.coldStart).toMatchObject({ observations: 1 });
    expect(learned?.idleTimeout.ms).toBe(300_000);
    expect(learned?.idleTimeout.coldAfterMs).toBeUndefined();
    expect(platform.pingsAt).toEqual([]);
    expect(platform.starts).toBe(1);
  });
});

describe('a cold start that is not the configured one', () => {
  it.each(['refuse', 'hold'] as const)(
    'of 150 to 300 s is learned as such (%s)',
    (whileLoading) => {
      const startsMs = [160_000, 290_000, 155_000, 300_000, 240_000];
      const platform = new LonePlatform({
        configured: { estimateMs: 20_000, idleTimeoutMs: 60_000 },
        idleMs: 60_000,
        startsMs,
        whileLoading,
        rule: ON_DEMAND,
        spec: { maxWaitColdMs: 600_000 },
      });
      platform.callsEvery(30 * MINUTE_MS, 1_000, 5 * 30 * MINUTE_MS);
      platform.run(3 * HOUR_MS);
      expect(platform.starts).toBe(5);
      expect(platform.endpoint.learning.learned?.coldStart.observations).toBe(5);
      expect(factor(platform.endpoint.coldStartMs, 300_000)).toBeLessThan(1.05);
      expect(platform.mostLoops).toBe(1);
      expect(platform.refused).toEqual([]);
      expect(platform.waits.map((ms, i) => ms - (startsMs[i] ?? 0)).every((ms) => ms < 1_200)).toBe(
        true,
      );
    },
  );

  it('that was slow once does not keep the endpoint warm for ever', () => {
    const upMs = (startsMs: readonly number[]) => {
      const platform = new LonePlatform({
        configured: { estimateMs: 60_000, idleTimeoutMs: 60_000 },
        idleMs: 60_000,
        startsMs,
        whileLoading: 'refuse',
      });
      platform.callsEvery(6 * MINUTE_MS, 1_000, 24 * HOUR_MS);
      platform.forecasts(24 * HOUR_MS);
      platform.run(24 * HOUR_MS);
      expect(factor(platform.endpoint.coldStartMs, 12_000)).toBeLessThanOrEqual(2);
      return platform.upMs;
    };
    expect(upMs([200_000, 12_000])).toBeLessThan(upMs([12_000]) + HOUR_MS);
  });

  it('is learned from calls that the platform holds', () => {
    const platform = new LonePlatform({
      configured: { estimateMs: 20_000, idleTimeoutMs: 60_000 },
      idleMs: 60_000,
      startsMs: [160_000],
      whileLoading: 'hold',
      rule: ON_DEMAND,
      spec: { whileCold: 'send' },
    });
    platform.callsEvery(10 * MINUTE_MS, 1_000, HOUR_MS);
    platform.run(HOUR_MS);
    expect(platform.endpoint.learning.learned?.coldStart.observations).toBe(6);
    expect(factor(platform.endpoint.coldStartMs, 160_000)).toBeLessThan(1.01);
  });
});

describe('a restart of the object in the midst of a wake', () => {
  it('neither forgets nor doubles it, and teaches the whole start', () => {
    const platform = new LonePlatform({
      configured: { estimateMs: 20_000, idleTimeoutMs: 60_000 },
      idleMs: 60_000,
      startsMs: [50_000],
      whileLoading: 'refuse',
      rule: { ...ON_DEMAND, wake: () => ({ wake: true, probability: 1, reason: 'told' }) },
    });
    platform.at(0, () => platform.step({ type: 'forecast', aheadMs: 0 }));
    platform.at(30_000, () => platform.restart());
    platform.run(30_001);
    expect([platform.endpoint.state, platform.loops]).toEqual(['warming', 1]);
    platform.run(55_000);
    expect([platform.endpoint.state, platform.loops]).toEqual(['warm', 0]);
    expect(platform.starts).toBe(1);
    expect(factor(platform.endpoint.coldStartMs, 50_000)).toBeLessThan(1.05);
    const counts = platform.dispatcher.accounts.daily.take();
    expect(counts.reduce((sum, { counts: c }) => sum + c.failed + c.prewarms, 0)).toBe(0);
  });
});

describe('a clock that leaps by an hour', () => {
  it.each([HOUR_MS, -HOUR_MS])(
    '(%i ms) leaves no wake stuck and nothing wrong learned',
    (leapMs) => {
      for (const at of [500, 5_000, 14_000, 20_000, 70_000]) {
        const platform = new LonePlatform({
          configured: { estimateMs: 15_000, idleTimeoutMs: 60_000 },
          idleMs: 60_000,
          startsMs: [15_000],
          whileLoading: 'refuse',
          rule: HOLDS,
        });
        platform.callsEvery(40_000, 0, HOUR_MS);
        platform.leap(at, leapMs);
        platform.run(HOUR_MS);
        expect(platform.endpoint.state).toBe('warm');
        expect(platform.loops).toBe(0);
        expect(platform.mostLoops).toBe(1);
        expect(factor(platform.endpoint.coldStartMs, 15_000)).toBeLessThanOrEqual(2);
        expect(factor(platform.endpoint.idleTimeoutMs, 60_000)).toBeLessThanOrEqual(1.5);
        // A call that waits while the clock leaps ahead has waited for too long.
        expect(platform.waits.length).toBeGreaterThanOrEqual(leapMs > 0 ? 89 : 90);
      }
    },
  );
});

describe('a platform that refuses the calls that it was configured to hold', () => {
  it('costs a call no more than the wait for the start', () => {
    const platform = new LonePlatform({
      configured: { estimateMs: 20_000, idleTimeoutMs: 60_000 },
      idleMs: 60_000,
      startsMs: [120_000],
      whileLoading: 'refuse',
      rule: ON_DEMAND,
      spec: { whileCold: 'send' },
    });
    platform.callsEvery(10 * MINUTE_MS, 1_000, HOUR_MS);
    platform.run(HOUR_MS);
    expect(platform.refused).toEqual([]);
    expect(platform.waits).toHaveLength(6);
    expect(Math.max(...platform.waits)).toBeLessThan(122_000);
    expect(platform.starts).toBe(6);
    expect(platform.mostLoops).toBe(1);
    expect(factor(platform.endpoint.coldStartMs, 120_000)).toBeLessThan(1.05);
  });
});
