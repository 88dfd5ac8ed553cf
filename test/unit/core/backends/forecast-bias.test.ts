/** How far forecast waits are off is learned of waits that say nothing of each other. */
import { describe, expect, it } from 'vitest';
import { ForecastBias } from '../../../../src/core/backends/forecast-bias.ts';
import { seededRandom } from '../../../../src/core/learning/random.ts';
import { normal } from '../../../run-builders.ts';

const FORECAST_MS = 10_000;

/** Waits of about so many times what is forecast, one after the other; `spread`: of their logarithms. */
function follow(bias: ForecastBias, waits: number, factor: number, spread: number, seed = 1): void {
  const random = seededRandom(seed);
  let at = 0;
  for (let i = 0; i < waits; i += 1) {
    const wait = { at, callsAhead: 5, explainedMs: FORECAST_MS };
    const waitedMs = FORECAST_MS * factor * Math.exp(spread * normal(random));
    bias.told(wait);
    bias.observe(wait, waitedMs);
    at += waitedMs;
  }
}

describe('the bias of forecasts', () => {
  it('is corrected once it shows', () => {
    const bias = new ForecastBias();
    follow(bias, 11, 1.5, 0.5);
    expect(bias.of(5)).toBe(1);
    follow(bias, 200, 1.5, 0.5);
    expect(bias.of(5)).toBeGreaterThan(1.3);
    expect(bias.of(5)).toBeLessThan(1.7);
    // Of other numbers of calls ahead nothing is known.
    expect(bias.of(200)).toBe(1);
  });

  it('is hardly moved by the spread of waits that are right in the median', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const bias = new ForecastBias();
      follow(bias, 150, 1, 1, seed);
      expect(Math.abs(Math.log(bias.of(5)))).toBeLessThan(0.35);
    }
  });

  it('is not learned of calls that wait together more than once', () => {
    const bias = new ForecastBias();
    const waits = Array.from({ length: 500 }, () => {
      return { at: 0, callsAhead: 5, explainedMs: FORECAST_MS };
    });
    for (const wait of waits) bias.told(wait);
    for (const wait of waits) bias.observe(wait, 5 * FORECAST_MS);
    expect(bias.of(5)).toBe(1);
  });

  it('goes on where a call that was told of its wait was given up', () => {
    const bias = new ForecastBias();
    bias.told({ at: 0, callsAhead: 5, explainedMs: FORECAST_MS });
    follow(bias, 150, 2, 0.3);
    expect(bias.of(5)).toBeGreaterThan(1.5);
  });

  it('is bounded, whatever comes', () => {
    const bias = new ForecastBias();
    follow(bias, 300, 1e6, 0.1);
    expect(bias.of(5)).toBeLessThanOrEqual(20);
    follow(bias, 300, 0.1, 0.1);
    expect(bias.of(5)).toBeLessThanOrEqual(1);
    expect(bias.of(5)).toBeGreaterThan(0);
  });
});
