import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookAhead } from '../../../../src/core/prewarm/look-ahead.ts';

const MINUTE_MS = 60_000;

/** A query about one need, whose distribution function is given. */
function query(cdf: (ms: number) => number, coldStartMs = MINUTE_MS, aheadMs = MINUTE_MS) {
  const forecast = (ms: number) => ({ runs: [], arrivals: cdf(ms) });
  return { forecast, coldStartMs, aheadMs, capacity: 0 };
}

const at =
  (needMs: number, chance = 1) =>
  (ms: number) =>
    ms >= needMs ? chance : 0;

describe('a need after the cold start', () => {
  it('is worth a wake where the wait that it saves is worth the warm time before it', () => {
    // A minute of waiting is worth three minutes of warm time at a threshold of a quarter.
    expect(lookAhead(query(at(90_000)), 0.25).pays).toBe(true);
    expect(lookAhead(query(at(90_000, 0.6)), 0.25).pays).toBe(true);
    expect(lookAhead(query(at(90_000, 0.3)), 0.25).pays).toBe(false);
    expect(lookAhead(query(at(90_000, 0.6)), 0.5).pays).toBe(false);
  });

  it('is not known where it is beyond the horizon', () => {
    expect(lookAhead(query(at(130_000)), 0.25)).toEqual({ pays: false, probability: 0 });
  });

  it('is not worth a wake because it is likely, if what it saves is short', () => {
    // Nearly certain within the minute, but a second of waiting is not worth half a minute.
    expect(lookAhead(query(at(30_000, 0.95), 1_000), 0.25).pays).toBe(false);
  });

  it('wakes at a steady rate only where holding at that rate pays as well', () => {
    const rates = fc.double({ min: 1e-7, max: 1e-4, noNaN: true });
    const times = fc.integer({ min: 1_000, max: 600_000 });
    const thresholds = fc.double({ min: 0.05, max: 0.9, noNaN: true });
    fc.assert(
      fc.property(rates, times, times, thresholds, (perMs, coldStartMs, aheadMs, threshold) => {
        const steady = query((ms) => 1 - Math.exp(-perMs * ms), coldStartMs, aheadMs);
        const pWithin = 1 - Math.exp(-perMs * coldStartMs);
        // The wait that a wake saves is shorter than a cold start for a need that comes during it.
        if (lookAhead(steady, threshold).pays) expect(pWithin).toBeGreaterThan(0.8 * threshold);
      }),
      { numRuns: 2_000, seed: 26 },
    );
  });

  it('has a probability, however certain it is that no call comes', () => {
    expect(
      lookAhead(
        query(() => 0),
        0.25,
      ),
    ).toEqual({ pays: false, probability: 0 });
  });
});
