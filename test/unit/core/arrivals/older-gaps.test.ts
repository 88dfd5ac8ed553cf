/** The histogram of gaps that are not kept one by one: lengths, decay and what is stored. */
import { describe, expect, it } from 'vitest';
import { OlderGaps } from '../../../../src/core/arrivals/older-gaps.ts';

const HALF_LIFE = 300_000;

function list(gaps: OlderGaps, now: number): Array<{ gapMs: number; weight: number }> {
  const found: Array<{ gapMs: number; weight: number }> = [];
  gaps.each(now, (gapMs, weight) => found.push({ gapMs, weight }));
  return found;
}

describe('OlderGaps', () => {
  it('keeps lengths to a twentieth, from 0 to weeks', () => {
    for (const gapMs of [0, 1, 7, 50, 999, 60_000, 3_600_000, 600_000_000]) {
      const gaps = new OlderGaps();
      gaps.add(gapMs, 0);
      const [found, ...others] = list(gaps, 0);
      expect(others).toEqual([]);
      expect(found?.weight).toBeCloseTo(1, 12);
      expect(Math.abs((found?.gapMs ?? -1) - gapMs)).toBeLessThanOrEqual(0.05 * (gapMs + 1));
    }
  });

  it('halves weights in five minutes, over any time', () => {
    const gaps = new OlderGaps();
    gaps.add(100, 0);
    gaps.add(100, HALF_LIFE);
    expect(list(gaps, HALF_LIFE)[0]?.weight).toBeCloseTo(1.5, 9);
    expect(list(gaps, 3 * HALF_LIFE)[0]?.weight).toBeCloseTo(0.375, 9);
    // Years later, numbers are still numbers.
    for (let year = 1; year < 5; year += 1) gaps.add(5_000, year * 3e10);
    const [found, ...others] = list(gaps, 4 * 3e10);
    expect(others).toEqual([]);
    expect(found?.weight).toBeCloseTo(1, 9);
  });

  it('is the same after a restore, on another clock', () => {
    const gaps = new OlderGaps();
    for (let i = 0; i < 500; i += 1) gaps.add(50 + 37 * i, i * 1_000);
    const again = new OlderGaps();
    again.restore(gaps.snapshot(500_000), 7);
    const [found, expected] = [list(again, 7 + HALF_LIFE), list(gaps, 500_000 + HALF_LIFE)];
    expect(found).toHaveLength(expected.length);
    found.forEach(({ gapMs, weight }, i) => {
      expect(gapMs).toBe(expected[i]?.gapMs);
      expect(weight).toBeCloseTo(expected[i]?.weight ?? -1, 2);
    });
  });
});
