/** The Gamma-Poisson forecast against its closed form. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GammaRate } from '../../../../src/core/arrivals/gamma-rate.ts';

const HOUR = 3_600_000;
const HALF_LIFE = 2 * HOUR;
/** The weight in seconds that one half-life of observation has at its end, with forgetting. */
const SECONDS_OF_A_HALF_LIFE = HALF_LIFE / 2_000 / Math.LN2;

describe('GammaRate', () => {
  it('knows next to nothing before the first need', () => {
    const rate = new GammaRate(0);
    expect(rate.needProbability(0, 10_000)).toBeCloseTo(1 - (6 / 16) ** 0.01, 12);
    expect(rate.needProbability(0, 10_000)).toBeLessThan(0.01);
    expect(rate.ratePerSec(0)).toBeCloseTo(1 / 600, 12);
  });

  it('gives the exact probability of a Gamma-Poisson rate', () => {
    const rate = new GammaRate(1_000);
    rate.need(1_000);
    rate.need(1_000);
    rate.need(1_000);
    expect(rate.needProbability(1_000, 10_000)).toBeCloseTo(1 - (6 / 16) ** 3.01, 12);
    expect(rate.needProbability(1_000, 0)).toBe(0);
    expect(rate.ratePerSec(1_000)).toBeCloseTo(3.01 / 6, 12);
  });

  it('forgets half of the needs and of the time in two hours', () => {
    const rate = new GammaRate(0);
    for (let i = 0; i < 9; i += 1) rate.need(0);
    rate.ratePerSec(HALF_LIFE);
    const { needs, seconds, at } = rate.snapshot();
    expect(needs).toBeCloseTo(9.01 / 2, 12);
    expect(seconds).toBeCloseTo(3 + SECONDS_OF_A_HALF_LIFE, 9);
    expect(at).toBe(HALF_LIFE);
    expect(rate.needProbability(HALF_LIFE, 60_000)).toBeCloseTo(
      1 - (seconds / (seconds + 60)) ** needs,
      12,
    );
  });

  it('does not depend on how often it was asked in between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: HOUR }), { minLength: 1, maxLength: 10 }),
        (steps) => {
          const asked = new GammaRate(0);
          const alone = new GammaRate(0);
          asked.need(0);
          alone.need(0);
          let now = 0;
          for (const step of steps) {
            now += step;
            asked.needProbability(now, 1_000);
          }
          expect(asked.ratePerSec(now)).toBeCloseTo(alone.ratePerSec(now), 9);
          expect(asked.snapshot().seconds).toBeCloseTo(now > 0 ? alone.snapshot().seconds : 6, 6);
        },
      ),
    );
  });

  it('follows steady traffic', () => {
    const rate = new GammaRate(0);
    for (let t = 0; t <= 10 * HOUR; t += 20_000) rate.need(t);
    expect(rate.ratePerSec(10 * HOUR)).toBeCloseTo(0.05, 3);
    expect(rate.needProbability(10 * HOUR, 20_000)).toBeCloseTo(1 - Math.exp(-1), 2);
  });

  it('sees a need as less likely the longer none comes', () => {
    const rate = new GammaRate(0);
    rate.need(0);
    const chances = [0, 1, 2, 5, 10, 20].map((h) => rate.needProbability(h * HOUR, 60_000));
    chances.slice(1).forEach((p, i) => {
      expect(p).toBeLessThan(chances[i] ?? 0);
    });
    expect(chances.at(-1)).toBeLessThan(1e-4);
  });

  it('does not learn backwards from a clock that steps back', () => {
    const rate = new GammaRate(HOUR);
    rate.need(HOUR);
    const before = rate.snapshot();
    rate.needProbability(0, 1_000);
    expect(rate.snapshot()).toEqual(before);
  });

  it('goes on after a restart as if there had been none', () => {
    const rate = new GammaRate(0);
    rate.need(0);
    rate.need(50_000);
    const again = new GammaRate(2 * HOUR);
    again.restore(rate.snapshot());
    expect(again.snapshot()).toEqual(rate.snapshot());
    const expected = rate.needProbability(3 * HOUR, 60_000);
    expect(again.needProbability(3 * HOUR, 60_000)).toBe(expected);
    expect(new GammaRate(2 * HOUR).needProbability(3 * HOUR, 60_000)).not.toBe(expected);
  });
});
