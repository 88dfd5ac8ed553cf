/** How often runs come, and for how long they have come so often. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { RecentArrivals } from '../../../../src/core/waits/recent-arrivals.ts';

function arrive(arrivals: RecentArrivals, from: number, until: number, gapMs: number): void {
  for (let at = from; at < until; at += gapMs) {
    arrivals.add({ at, app: `app at ${at}`, unit: 'unit', visit: 1 });
  }
}

describe('recent arrivals', () => {
  it('are none before two runs have come', () => {
    const arrivals = new RecentArrivals();
    expect(arrivals.rate(0).gapMs).toBe(Infinity);
    arrivals.add({ at: 0, app: 'app', unit: 'unit', visit: 1 });
    expect(arrivals.rate(10).gapMs).toBe(Infinity);
  });

  it('have come as often for as long as they are remembered where nothing changed', () => {
    const arrivals = new RecentArrivals();
    arrive(arrivals, 0, 3_600_000, 1_000);
    const { gapMs, lastedMs, usualGapMs } = arrivals.rate(3_600_000);
    expect(gapMs).toBeGreaterThan(900);
    expect(gapMs).toBeLessThan(1_100);
    expect(usualGapMs).toBe(Infinity);
    expect(lastedMs).toBeGreaterThan(3_000_000);
  });

  it('tell a burst from what was usual before it', () => {
    const arrivals = new RecentArrivals();
    arrive(arrivals, 0, 3_600_000, 10_000);
    arrive(arrivals, 3_600_000, 3_660_000, 200);
    const { gapMs, lastedMs, usualGapMs } = arrivals.rate(3_660_000);
    expect(gapMs).toBeLessThan(250);
    expect(lastedMs).toBeGreaterThan(30_000);
    expect(lastedMs).toBeLessThan(200_000);
    expect(usualGapMs).toBeGreaterThan(4_000);
  });

  it('are fewer the longer none has come', () => {
    const arrivals = new RecentArrivals();
    arrive(arrivals, 0, 60_000, 100);
    expect(arrivals.rate(90_000).gapMs).toBeGreaterThan(5_000);
    expect(arrivals.rate(3_600_000).gapMs).toBeGreaterThan(1_000_000);
  });

  it('draw the last ones', () => {
    const arrivals = new RecentArrivals();
    arrive(arrivals, 0, 100_000, 100);
    const random = seededRandom(1);
    for (let i = 0; i < 100; i += 1) {
      expect(arrivals.any(random)?.at).toBeGreaterThanOrEqual(100_000 - 64 * 100);
    }
  });
});
