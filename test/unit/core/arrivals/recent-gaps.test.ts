/** The recent gaps between arrivals, against sums over a plain list. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecentGaps } from '../../../../src/core/arrivals/recent-gaps.ts';

/** Gaps are stored as logarithmic codes, to about one part in a thousand. */
const EXACT_TO = 0.005;

function gapsOf(list: readonly number[]): RecentGaps {
  const gaps = new RecentGaps();
  for (const gap of list) gaps.add(gap);
  return gaps;
}

/** Half in 128 arrivals, or in five minutes where that is longer. */
const weightOf = (age: number, ageMs: number) =>
  Math.max(age < 256 ? 0.5 ** (age / 128) : 0, 0.5 ** (ageMs / 300_000));

describe('RecentGaps', () => {
  it('keeps the newest 256, nearly exact', () => {
    const list = Array.from({ length: 300 }, (_, i) => 10 * 1.03 ** i);
    const gaps = gapsOf(list);
    expect(gaps.size).toBe(256);
    const kept = gaps.snapshot();
    expect(kept).toHaveLength(256);
    kept.forEach((gap, i) => {
      expect(Math.abs(gap / (list[44 + i] ?? 0) - 1)).toBeLessThan(EXACT_TO);
    });
  });

  it('counts the gaps that were longer, and those that then ended, by their age', () => {
    const gap = fc.integer({ min: 1, max: 100 }).map((n) => n * 1_000);
    fc.assert(
      fc.property(
        fc.array(gap, { maxLength: 256 }),
        fc.integer({ min: 0, max: 100 }),
        (list, n) => {
          const elapsed = n * 1_000 + 500;
          const within = 20_000;
          let [beyond, ended, ageMs] = [0, 0, 0];
          [...list].reverse().forEach((g, age) => {
            const weight = weightOf(age, ageMs);
            if (g > elapsed) beyond += weight;
            if (g > elapsed && g <= elapsed + within) ended += weight;
            ageMs += g;
          });
          const found = gapsOf(list).beyond(elapsed, within);
          expect(found.beyond).toBeCloseTo(beyond, 2);
          expect(found.within).toBeCloseTo(ended, 2);
        },
      ),
    );
  });

  it('remembers how bursts end, though the newest 256 gaps are all of one burst', () => {
    const burst = Array.from({ length: 400 }, (_, i) => (i % 40 === 39 ? 20_000 : 50));
    const within = gapsOf([...burst, ...Array.from({ length: 300 }, () => 50)]);
    const { beyond, within: ended } = within.beyond(1_000, 60_000);
    // Ten gaps of 20 s, from up to four minutes ago.
    expect(beyond).toBeGreaterThan(6);
    expect(beyond).toBeLessThan(10);
    expect(ended).toBeCloseTo(beyond, 9);
    expect(within.dispersion).toBeGreaterThan(5);
  });

  it('forgets gaps beyond the newest 256 where they are hours old', () => {
    const list = [...Array.from({ length: 300 }, () => 3_600_000), ...Array(256).fill(60_000)];
    expect(gapsOf(list).beyond(120_000, 1e9).beyond).toBe(0);
  });

  it('measures dispersion: 0 at regular intervals, 1 at random, more in bursts', () => {
    expect(gapsOf([1, 2, 3]).dispersion).toBeUndefined();
    expect(gapsOf(Array.from({ length: 100 }, () => 5_000)).dispersion).toBeCloseTo(0, 3);
    // Quantiles of an exponential distribution, in an arbitrary order.
    const random = Array.from({ length: 250 }, (_, i) => {
      const u = (((i * 89) % 250) + 0.5) / 250;
      return -Math.log(1 - u) * 60_000;
    });
    expect(gapsOf(random).dispersion).toBeGreaterThan(0.8);
    expect(gapsOf(random).dispersion).toBeLessThan(1.2);
    const bursts = Array.from({ length: 200 }, (_, i) => (i % 10 === 0 ? 600_000 : 500));
    expect(gapsOf(bursts).dispersion).toBeGreaterThan(5);
  });

  it('counts each arrival during a cold start by the part of the wait that is left for it', () => {
    // A pause, then arrivals at 0, 2 and 6 s; the cold start takes 10 s.
    const list = [600_000, 2_000, 4_000, 600_000, 2_000, 4_000];
    expect(gapsOf(list).crowd(60_000, 10_000)).toBeCloseTo(1 + 0.8 + 0.4, 2);
    expect(gapsOf([5, 5]).crowd(60_000, 10_000)).toBe(1);
    expect(gapsOf([]).crowd(60_000, 10_000)).toBe(1);
  });

  it('is the same again from its snapshot', () => {
    const gaps = gapsOf(Array.from({ length: 300 }, (_, i) => 1_000 + 37 * i));
    const again = new RecentGaps();
    again.restore(gaps.snapshot(), JSON.parse(JSON.stringify(gaps.olderSnapshot())));
    expect(again.snapshot()).toEqual(gaps.snapshot());
    const [found, expected] = [again.beyond(5_000, 1_000), gaps.beyond(5_000, 1_000)];
    expect(found.beyond).toBeCloseTo(expected.beyond, 2);
    expect(found.within).toBeCloseTo(expected.within, 2);
    // Older versions stored no more than the gaps themselves.
    const old = new RecentGaps();
    old.restore(gaps.snapshot());
    expect(old.snapshot()).toEqual(gaps.snapshot());
    expect(old.olderSnapshot()).toEqual([]);
  });
});
