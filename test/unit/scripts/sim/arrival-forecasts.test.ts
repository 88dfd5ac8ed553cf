/**
 * The calibration of arrival forecasts: which forecasts are made, and the error with its confidence
 * interval.
 */
import { describe, expect, it } from 'vitest';
import {
  chanceError,
  forecastArrivals,
  miscalibrationOf,
} from '../../../../scripts/sim/arrival-forecasts.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';

/** Ten hours of random arrivals, one in ten seconds on average. */
function atRandom(seed: number): number[] {
  const random = seededRandom(seed);
  const arrivals: number[] = [];
  for (let at = 0; at < 36_000_000; arrivals.push(at)) at += -Math.log(1 - random()) * 10_000;
  return arrivals;
}

describe('forecasts of arrivals', () => {
  it('are made over the later half, from all arrivals until then', () => {
    const every = Array.from({ length: 101 }, (_, i) => i * 1_000);
    const samples = forecastArrivals(every, 500, 250);
    expect(samples[0]?.atMs).toBe(50_000);
    expect(samples.at(-1)?.atMs).toBe(99_500);
    // From 500 ms after an arrival on, the next one comes within half a second.
    for (const { atMs, came } of samples) expect(came).toBe(atMs % 1_000 >= 500);
  });

  it('come true as often as they say where arrivals come at random', () => {
    const bins = miscalibrationOf(forecastArrivals(atRandom(1), 5_000, 1_000), seededRandom(1));
    expect(bins.length).toBeGreaterThan(0);
    for (const { difference, error } of bins) {
      expect(Math.abs(difference)).toBeLessThan(0.05);
      expect(error).toBeLessThan(0.05);
    }
  });

  it('that are too high are reported, with their error', () => {
    const samples = forecastArrivals(atRandom(1), 5_000, 1_000).map((s) => ({
      ...s,
      probability: Math.min(1, s.probability + 0.3),
    }));
    const [worst] = miscalibrationOf(samples, seededRandom(1));
    expect(worst?.difference).toBeLessThan(-0.25);
    expect(Math.abs(worst?.difference ?? 0)).toBeGreaterThan(3 * (worst?.error ?? 1));
  });

  it('that depend on each other are as uncertain as the few independent ones', () => {
    const samples = forecastArrivals(atRandom(1), 5_000, 1_000);
    const often = samples.flatMap((s) => Array.from({ length: 4 }, () => s));
    const errorOf = (of: typeof samples) => miscalibrationOf(of, seededRandom(1))[0]?.error ?? 0;
    expect(errorOf(often)).toBeGreaterThan(0.8 * errorOf(samples));
  });

  it('that are too few are not evaluated', () => {
    expect(miscalibrationOf(forecastArrivals([0, 1_000], 500, 10), seededRandom(1))).toEqual([]);
    expect(forecastArrivals([], 500, 10)).toEqual([]);
  });
});

describe('the error of perfect forecasts', () => {
  it('is small where there are many arrivals, and large where a few pauses decide', () => {
    const many = chanceError(atRandom(1), 5_000, 1_000, seededRandom(1), 20);
    expect(many).toHaveLength(20);
    expect(many[19]).toBeLessThan(0.06);
    // An hour in bursts: a pause of minutes after each fifty arrivals.
    const random = seededRandom(2);
    const bursts: number[] = [];
    for (let at = 0; at < 3_600_000; bursts.push(at)) {
      at += bursts.length % 50 === 49 ? -Math.log(1 - random()) * 200_000 : 100;
    }
    const few = chanceError(bursts, 60_000, 1_000, seededRandom(1), 20);
    expect(few[10]).toBeGreaterThan(0.06);
  });
});
