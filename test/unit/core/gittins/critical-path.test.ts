/** Chains of calls go before parallel work of the same size, where there are slots for both. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pricedRankMs } from '../../../../src/core/gittins/critical-path.ts';
import { ApplicationModel } from '../../../../src/core/learning/application-model.ts';
import { PriorPool } from '../../../../src/core/learning/prior-pool.ts';
import { llm, queryAt, runOf, teach } from '../../../run-builders.ts';

describe('the price of parallel work', () => {
  it('is 0 for a chain, and rises with the share of work that is not on the critical path', () => {
    expect(pricedRankMs(100, 1_000, 1_000, Infinity)).toBe(100);
    expect(pricedRankMs(100, 1_000, 5_000, Infinity)).toBe(100);
    expect(pricedRankMs(100, 1_000, 500, Infinity)).toBe(175);
    expect(pricedRankMs(100, 1_000, 0, Infinity)).toBe(250);
  });

  it('is computed for the number of slots: 0 at one slot', () => {
    expect(pricedRankMs(100, 1_000, 100, 1)).toBe(100);
    expect(pricedRankMs(100, 1_000, 100, 2)).toBe(175);
    expect(pricedRankMs(100, 1_000, 100, 10)).toBe(pricedRankMs(100, 1_000, 100, 1_000));
  });

  it('leaves a rank without work as it is', () => {
    expect(pricedRankMs(7, 0, 0, 4)).toBe(7);
  });

  it('never makes a rank less, nor more than two and a half times', () => {
    const ms = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(ms, ms, ms, fc.constantFrom(1, 2, 34, Infinity), (rank, work, path, slots) => {
        const priced = pricedRankMs(rank, work, path, slots);
        expect(priced).toBeGreaterThanOrEqual(rank);
        expect(priced).toBeLessThanOrEqual(2.5 * rank * (1 + 1e-12));
      }),
    );
  });
});

describe('a fan-out', () => {
  const rankOf = (unit: 'chain' | 'fan', runs: number, slots: number) => {
    const model = new ApplicationModel(unit, new PriorPool());
    const one = {
      chain: () => runOf('chain', ...[1, 2, 3, 4].map(() => llm('chain', [500]))),
      fan: () => runOf('fan', llm('fan', [450, 450, 450, 450])),
    };
    teach(model, Array.from({ length: runs }, one[unit]));
    return model.rankMs(queryAt(unit, { fanOut: unit === 'fan' ? 4 : 1 }, { slots }));
  };

  it('ranks by its total work at one slot', () => {
    expect(rankOf('fan', 30, 1) / 1_800).toBeCloseTo(1, 2);
    expect(rankOf('fan', 30, 1)).toBeLessThan(rankOf('chain', 30, 1));
  });

  it.each([
    ['whole samples', 30],
    ['the graph', 5],
    ['a single run', 1],
  ])('goes after a chain of somewhat more work at many slots, by %s', (_, runs) => {
    expect(rankOf('fan', runs, 8)).toBeGreaterThan(1.5 * rankOf('chain', runs, 8));
  });
});
