/** A rise of the rate is detected within a few arrivals, and hardly ever where there is none. */
import { describe, expect, it } from 'vitest';
import { RisingRate } from '../../../../src/core/arrivals/rising-rate.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';

const BASE_PER_MS = 1 / 60_000;

function gapMs(random: Random, ratePerMs: number): number {
  return -Math.log(1 - random()) / ratePerMs;
}

/** The number of arrivals at a multiple of the base rate until the rise is detected. */
function arrivalsToNotice(random: Random, times: number): number {
  const rising = new RisingRate();
  for (let n = 1; ; n += 1) {
    if (rising.observe(gapMs(random, BASE_PER_MS * times), BASE_PER_MS)) return n;
  }
}

describe('RisingRate', () => {
  it('detects a rise to four times the rate within about ten arrivals', () => {
    const random = seededRandom(1);
    const counts = Array.from({ length: 500 }, () => arrivalsToNotice(random, 4)).sort(
      (a, b) => a - b,
    );
    const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
    expect(mean).toBeGreaterThan(5);
    expect(mean).toBeLessThan(16);
    expect(counts[Math.floor(counts.length / 2)]).toBeLessThanOrEqual(13);
  });

  it('alarms on steady traffic about once in twelve hours at the most', () => {
    const random = seededRandom(2);
    const rising = new RisingRate();
    let elapsedMs = 0;
    let alarms = 0;
    while (elapsedMs < 1_000 * 3_600_000) {
      const gap = gapMs(random, BASE_PER_MS);
      elapsedMs += gap;
      if (rising.observe(gap, BASE_PER_MS)) alarms += 1;
    }
    expect(alarms).toBeLessThan(1_000 / 12);
  });

  it('does not alarm where the rate falls', () => {
    const random = seededRandom(3);
    const rising = new RisingRate();
    for (let i = 0; i < 20_000; i += 1) {
      expect(rising.observe(gapMs(random, BASE_PER_MS / 2), BASE_PER_MS)).toBeUndefined();
    }
  });

  it('tells the arrivals since the rise began, and the time in which they came', () => {
    const rising = new RisingRate();
    // Long gaps first, which belong to the time before the rise.
    for (let i = 0; i < 5; i += 1) rising.observe(120_000, BASE_PER_MS);
    let found: { gaps: number; elapsedMs: number } | undefined;
    let n = 0;
    while (!found) {
      found = rising.observe(6_000, BASE_PER_MS);
      n += 1;
    }
    expect(found).toEqual({ gaps: n, elapsedMs: 6_000 * n });
    expect(n).toBeLessThanOrEqual(10);
  });
});
