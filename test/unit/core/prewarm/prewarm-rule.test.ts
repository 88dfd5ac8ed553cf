/**
 * The value of waking and holding: the probability of demand beyond the warm capacity, and the
 * index that decides about holding.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demandProbability, type Forecast } from '../../../../src/core/prewarm/prewarm.ts';
import {
  holdIndex,
  keepAliveRule,
  type PrewarmQuery,
  paperRule,
  thetaRule,
} from '../../../../src/core/prewarm/prewarm-rule.ts';

function askOf(fields: Partial<PrewarmQuery>): PrewarmQuery {
  return {
    backend: 'llm',
    now: 0,
    forecast: () => ({ runs: [], arrivals: 0 }),
    coldStartMs: 10_000,
    aheadMs: 0,
    capacity: 0,
    crowd: 1,
    hardlyKnown: false,
    idleMs: 0,
    ...fields,
  };
}

/** Arrivals at random. */
const poisson = (ratePerMs: number) => (withinMs: number) => ({
  runs: [],
  arrivals: 1 - Math.exp(-ratePerMs * withinMs),
  expected: ratePerMs * withinMs,
});

describe('demandProbability', () => {
  /**
   * P(demand for more than `capacity`), summed over each outcome of the runs and each number of
   * arrivals.
   */
  function bruteForce({ runs, arrivals, expected = 0, busy = 0 }: Forecast, capacity: number) {
    const mean = arrivals > 0 ? Math.max(0, expected / arrivals - 1) : 0;
    const arrive = (k: number) => {
      if (k === 0) return 1 - arrivals;
      let p = arrivals * Math.exp(-mean);
      for (let i = 1; i < k; i += 1) p *= mean / i;
      return p;
    };
    let fits = 0;
    for (let outcome = 0; outcome < 2 ** runs.length; outcome += 1) {
      const p = runs.reduce((all, q, i) => all * (outcome & (1 << i) ? q : 1 - q), 1);
      const needs = busy + runs.filter((_, i) => outcome & (1 << i)).length;
      for (let k = 0; needs + k <= capacity; k += 1) fits += p * arrive(k);
    }
    return 1 - fits;
  }

  const chance = fc.double({ min: 0, max: 1, noNaN: true });

  it('equals the sum over all outcomes', () => {
    fc.assert(
      fc.property(
        fc.array(chance, { maxLength: 7 }),
        chance,
        fc.double({ min: 0, max: 5, noNaN: true }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 0, max: 8 }),
        (runs, arrivals, more, busy, capacity) => {
          const forecast = { runs, arrivals, expected: arrivals * (1 + more), busy };
          expect(demandProbability(forecast, capacity)).toBeCloseTo(
            bruteForce(forecast, capacity),
            9,
          );
        },
      ),
    );
  });

  it('falls with each slot that is up, and rises with each run', () => {
    fc.assert(
      fc.property(fc.array(chance, { maxLength: 20 }), chance, (runs, arrivals) => {
        const forecast = { runs, arrivals, expected: arrivals };
        const by = Array.from({ length: 25 }, (_, n) => demandProbability(forecast, n));
        by.forEach((p, n) => {
          expect(p).toBeGreaterThanOrEqual(0);
          expect(p).toBeLessThanOrEqual((by[n - 1] ?? 1) + 1e-9);
        });
        const more = { ...forecast, runs: [...runs, 0.5] };
        expect(demandProbability(more, 3)).toBeGreaterThanOrEqual((by[3] ?? 0) - 1e-9);
      }),
    );
  });

  it('is valid for any number of slots and needs', () => {
    const forecast = { runs: [0.1, 0.2], arrivals: 1, expected: 1_000 };
    expect(demandProbability(forecast, 100_000)).toBeCloseTo(0, 9);
    expect(demandProbability(forecast, 1_500)).toBeCloseTo(0, 9);
    expect(demandProbability(forecast, 1_000)).toBeCloseTo(0.5, 1);
    expect(demandProbability(forecast, 500)).toBeCloseTo(1, 9);
    const crowd = { runs: new Array<number>(2_000).fill(0.5), arrivals: 0 };
    expect(demandProbability(crowd, 1_000)).toBeCloseTo(0.49, 2);
    expect(demandProbability(crowd, 100_000)).toBeCloseTo(0, 9);
  });

  it('is 1 if more calls are there than the warm capacity takes, and 0 if the capacity has no limit', () => {
    expect(demandProbability({ runs: [], arrivals: 0, busy: 4 }, 3)).toBe(1);
    expect(demandProbability({ runs: [], arrivals: 0, busy: 3 }, 3)).toBe(0);
    expect(demandProbability({ runs: [1, 1], arrivals: 1 }, Infinity)).toBe(0);
  });
});

describe('holdIndex', () => {
  it('of a steady rate is the expected number of arrivals within a cold start', () => {
    for (const perColdStart of [0.01, 0.1, 0.5, 1]) {
      const ask = askOf({ forecast: poisson(perColdStart / 10_000) });
      expect(holdIndex(ask) / perColdStart).toBeGreaterThan(0.95);
      expect(holdIndex(ask) / perColdStart).toBeLessThan(1.1);
    }
  });

  it('holds for a certain need just after the cold start, for which the wake rule would not wake', () => {
    const forecast = (withinMs: number): Forecast => ({
      runs: [withinMs >= 12_000 ? 1 : 0],
      arrivals: 0,
    });
    const ask = askOf({ forecast });
    expect(thetaRule(0.25).wake(ask).wake).toBe(false);
    expect(thetaRule(0.25).hold(ask).wake).toBe(true);
  });

  it('does not hold for what is certain but far, or near but unlikely', () => {
    const far = (withinMs: number): Forecast => ({
      runs: [withinMs >= 40_000 ? 1 : 0],
      arrivals: 0,
    });
    expect(thetaRule(0.25).hold(askOf({ forecast: far })).wake).toBe(false);
    const unlikely = () => ({ runs: [0.02], arrivals: 0 });
    expect(thetaRule(0.25).hold(askOf({ forecast: unlikely })).wake).toBe(false);
  });

  it('is infinite if the need has come', () => {
    expect(holdIndex(askOf({ forecast: () => ({ runs: [1], arrivals: 0 }) }))).toBe(Infinity);
  });
});

describe('thetaRule', () => {
  it('wakes if the need within a cold start is worth it, or a later one before the next forecast', () => {
    const forecast = (withinMs: number) => ({ runs: [withinMs > 12_000 ? 0.9 : 0.3], arrivals: 0 });
    expect(thetaRule(0.3).wake(askOf({ forecast })).wake).toBe(true);
    expect(thetaRule(0.31).wake(askOf({ forecast })).wake).toBe(false);
    const ahead = thetaRule(0.31).wake(askOf({ forecast, aheadMs: 60_000 }));
    expect(ahead).toMatchObject({ wake: true, probability: 0.9 });
  });

  it('counts each run that would share the wait', () => {
    const forecast = () => ({ runs: [0.15], arrivals: 0 });
    expect(thetaRule(0.25).wake(askOf({ forecast })).wake).toBe(false);
    // v counts twice: c / (c + 2 v) = 1/7.
    expect(thetaRule(0.25).wake(askOf({ forecast, crowd: 2 })).wake).toBe(true);
  });
});

describe('rules to compare with', () => {
  it("the paper's never fires for ten runs at 40 %, nor before a sure need is near", () => {
    const ten = () => ({ runs: Array(10).fill(0.4), ever: Array(10).fill(0.4), arrivals: 0 });
    expect(paperRule(0.5).wake(askOf({ forecast: ten })).wake).toBe(false);
    expect(thetaRule(0.25).wake(askOf({ forecast: ten })).wake).toBe(true);
    const sure = (within: number) => () => ({ runs: [within], ever: [1], arrivals: 0 });
    expect(paperRule(0.5).wake(askOf({ forecast: sure(0.4) })).wake).toBe(false);
    expect(paperRule(0.5).wake(askOf({ forecast: sure(0.5) })).wake).toBe(true);
  });

  it('keep-alive holds for its time and never wakes ahead', () => {
    expect(keepAliveRule(5_000).wake(askOf({})).wake).toBe(false);
    expect(keepAliveRule(5_000).hold(askOf({ idleMs: 4_999 })).wake).toBe(true);
    expect(keepAliveRule(5_000).hold(askOf({ idleMs: 5_000 })).wake).toBe(false);
  });
});

describe('an endpoint that was used and is hardly known', () => {
  const never = () => ({ runs: [], arrivals: 0 });

  it('is held if a need with a probability of 1/20 would be worth it, and never woken for that', () => {
    const unknown = askOf({ forecast: never, hardlyKnown: true });
    expect(thetaRule(0.04).hold(unknown).wake).toBe(true);
    expect(thetaRule(0.06).hold(unknown).wake).toBe(false);
    expect(thetaRule(0.04).wake(unknown).wake).toBe(false);
    expect(thetaRule(0.04).hold(askOf({ forecast: never })).wake).toBe(false);
  });
});

describe('unused warm time', () => {
  const HOUR = 3_600_000;
  const likely = () => ({ runs: [], arrivals: 0.9, expected: 5 });
  const rule = thetaRule(0.25);
  const asks = (fields: Partial<PrewarmQuery>) => {
    const query = askOf({ forecast: likely, ...fields });
    return [rule.wake(query).wake, rule.hold(query).wake];
  };

  it('of an hour ends the belief in forecasts of arrivals, for waking and for holding', () => {
    expect(asks({})).toEqual([true, true]);
    expect(asks({ unusedMs: HOUR - 20_000 })).toEqual([true, true]);
    // A wake takes a cold start of unused time itself.
    expect(asks({ unusedMs: HOUR - 5_000 })).toEqual([false, true]);
    expect(asks({ unusedMs: HOUR + 1 })).toEqual([false, false]);
  });

  it('may be longer where the wait that it spares is worth more', () => {
    const slow = { coldStartMs: 600_000, crowd: 10 };
    expect(asks({ ...slow, unusedMs: 4 * HOUR })).toEqual([true, true]);
    expect(asks({ ...slow, unusedMs: 5 * HOUR + 1 })).toEqual([false, false]);
  });

  it('says nothing against the needs of runs in flight', () => {
    const forecast = () => ({ runs: [0.6], arrivals: 0 });
    expect(asks({ forecast, unusedMs: 100 * HOUR })).toEqual([true, true]);
  });

  it('has an end also where too few calls were served for a forecast', () => {
    const forecast = () => ({ runs: [], arrivals: 0 });
    const hold = (fields: Partial<PrewarmQuery>) =>
      thetaRule(0.05).hold(askOf({ forecast, hardlyKnown: true, ...fields })).wake;
    expect(hold({ idleMs: 60_000 })).toBe(true);
    // After 19 cold starts, the price of one at this theta.
    expect(hold({ idleMs: 191_000 })).toBe(false);
    expect(hold({ idleMs: 60_000, unusedMs: 2 * HOUR })).toBe(false);
  });
});
