/**
 * Forecasts of the next arrival: at random, at regular intervals, in bursts, after a rise of the
 * rate, and at the usual hour of the week.
 */
import { describe, expect, it } from 'vitest';
import { Arrivals } from '../../../../src/core/arrivals/arrivals.ts';
import { type Random, seededRandom } from '../../../../src/core/learning/random.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function exponential(random: Random, meanMs: number): number {
  return -Math.log(1 - random()) * meanMs;
}

/** Arrivals after these gaps, and the time of the last one. */
function afterGaps(gaps: Iterable<number>): { arrivals: Arrivals; at: number } {
  const arrivals = new Arrivals(0);
  let at = 0;
  for (const gap of gaps) {
    at += gap;
    arrivals.arrived(at);
  }
  return { arrivals, at };
}

function* generate(n: number, gap: (i: number) => number): Iterable<number> {
  for (let i = 0; i < n; i += 1) yield gap(i);
}

describe('arrivals at random', () => {
  it('are as likely as their rate says, however long none came', () => {
    const random = seededRandom(1);
    const { arrivals, at } = afterGaps(generate(1_000, () => exponential(random, MINUTE)));
    const expected = 1 - Math.exp(-0.5);
    expect(Math.abs(arrivals.needProbability(at, 30_000) - expected)).toBeLessThan(0.08);
    expect(Math.abs(arrivals.needProbability(at + 45_000, 30_000) - expected)).toBeLessThan(0.1);
  });

  it('come as often as forecast: the mean error over ten bins is below 0.05', () => {
    const bins = reliability(seededRandom(2));
    const all = bins.reduce((sum, bin) => sum + bin.n, 0);
    const error = bins.reduce((sum, { came, chance }) => sum + Math.abs(came - chance), 0) / all;
    expect(all).toBeGreaterThan(20_000);
    expect(error).toBeLessThan(0.05);
    // Nearly all forecasts are in the two bins next to the true probability.
    const near = (bins[3]?.n ?? 0) + (bins[4]?.n ?? 0);
    expect(near / all).toBeGreaterThan(0.9);
  });
});

/**
 * Forecasts for 30 s over the second half of 200 hours with one random arrival a minute, in ten
 * bins: the number of forecasts, the sum of their probabilities, and how many came true.
 */
function reliability(random: Random): Array<{ n: number; chance: number; came: number }> {
  const bins = Array.from({ length: 10 }, () => ({ n: 0, chance: 0, came: 0 }));
  const arrivals = new Arrivals(0);
  let next = exponential(random, MINUTE);
  for (let at = 0; at < 200 * HOUR; at += 17_000) {
    for (; next <= at; next += exponential(random, MINUTE)) arrivals.arrived(next);
    if (at < 100 * HOUR) continue;
    const p = arrivals.needProbability(at, 30_000);
    const bin = bins[Math.min(9, Math.floor(p * 10))];
    if (!bin) continue;
    bin.n += 1;
    bin.chance += p;
    bin.came += next <= at + 30_000 ? 1 : 0;
  }
  return bins;
}

describe('arrivals at regular intervals', () => {
  it('are unlikely after one and likely when the next is due', () => {
    const { arrivals, at } = afterGaps(generate(300, () => MINUTE));
    expect(arrivals.needProbability(at + 1_000, 20_000)).toBeLessThan(0.1);
    expect(arrivals.needProbability(at + 50_000, 20_000)).toBeGreaterThan(0.85);
  });
});

describe('arrivals in bursts', () => {
  it('are likely within a burst and not after one, though the rate is the same', () => {
    // Ten arrivals within ten seconds, then none for ten minutes.
    const { arrivals, at } = afterGaps(generate(400, (i) => (i % 10 === 0 ? 600_000 : 1_000)));
    const steady = 1 - Math.exp(-30_000 / 60_900);
    expect(arrivals.needProbability(at - 1, 30_000)).toBeGreaterThan(0.8);
    expect(arrivals.needProbability(at + 60_000, 30_000)).toBeLessThan(steady / 2);
    expect(arrivals.crowd(15_000, 10_000)).toBeGreaterThan(4);
  });
});

describe('a rising rate', () => {
  it('takes effect long before half of the older arrivals is forgotten', () => {
    const random = seededRandom(3);
    const { arrivals, at } = afterGaps(generate(600, () => exponential(random, 4 * MINUTE)));
    const before = arrivals.ratePerSec(at);
    expect(before * 240).toBeGreaterThan(0.7);
    expect(before * 240).toBeLessThan(1.4);
    let now = at;
    for (let i = 0; i < 25; i += 1) {
      now += exponential(random, MINUTE);
      arrivals.arrived(now);
    }
    expect(arrivals.ratePerSec(now) / before).toBeGreaterThan(2.5);
  });
});

describe('silence', () => {
  it('lowers the forecast in the end, but not for arrivals usual at this hour of the week', () => {
    const arrivals = new Arrivals(0);
    const WEEK = 7 * 24 * HOUR;
    for (let week = 0; week < 3; week += 1) {
      for (let i = 0; i < 60; i += 1) arrivals.arrived(week * WEEK + 9 * HOUR + i * MINUTE);
    }
    const last = 2 * WEEK + 10 * HOUR;
    expect(arrivals.needProbability(last + HOUR, 30_000)).toBeLessThan(0.1);
    expect(arrivals.needProbability(last + 3 * 24 * HOUR, 30_000)).toBeLessThan(0.02);
    expect(arrivals.needProbability(3 * WEEK + 9.02 * HOUR, 30_000)).toBeGreaterThan(0.2);
    expect(arrivals.usualProbability(3 * WEEK + 9 * HOUR, HOUR)).toBeGreaterThan(0.95);
    expect(arrivals.usualProbability(3 * WEEK + 12 * HOUR, HOUR)).toBe(0);
  });
});

describe('a snapshot', () => {
  it('forecasts the same', () => {
    const random = seededRandom(4);
    const { arrivals, at } = afterGaps(generate(200, () => exponential(random, MINUTE)));
    const again = new Arrivals(at);
    again.restore(JSON.parse(JSON.stringify(arrivals.snapshot())));
    for (const later of [1_000, 30_000, 600_000]) {
      expect(again.needProbability(at + later, 30_000)).toBeCloseTo(
        arrivals.needProbability(at + later, 30_000),
        3,
      );
    }
  });
});
