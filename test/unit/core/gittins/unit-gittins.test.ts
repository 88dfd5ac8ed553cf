/**
 * The rank across units against its definition: a brute force over all sets of states in which to
 * stop, closed forms of loops, and agreement with the rank from samples where both apply.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankTable } from '../../../../src/core/gittins/gittins.ts';
import { type UnitState, unitRank } from '../../../../src/core/gittins/unit-gittins.ts';

const unit = (costMs: number, next: Record<number, number>, endProbability: number): UnitState => ({
  costMs,
  next: Object.entries(next).map(([to, probability]) => ({ to: Number(to), probability })),
  endProbability,
});
const last = (costMs: number) => unit(costMs, {}, 1);

/** Cost and P(end) from a state on, of the rule that continues in the states whose bit is set. */
function outcome(states: readonly UnitState[], s: number, rule: number): [number, number] {
  const state = states[s];
  if (!state || !(rule & (1 << s))) return [0, 0];
  let cost = state.costMs;
  let end = state.endProbability;
  for (const { to, probability } of state.next) {
    const [costOn, endOn] = outcome(states, to, rule);
    cost += probability * costOn;
    end += probability * endOn;
  }
  return [cost, end];
}

/** The least ratio over all rules, in a graph whose transitions only go to later states. */
function bruteForce(states: readonly UnitState[], first: number): number {
  const known = states.map((state, s) => (s === 0 ? { ...state, costMs: first } : state));
  let best = Infinity;
  for (let rule = 1; rule < 2 ** states.length; rule += 2) {
    const [cost, end] = outcome(known, 0, rule);
    if (end > 1e-9) best = Math.min(best, cost / end);
  }
  return Math.max(1e-9, best);
}

/** Acyclic graphs of up to 7 states; the last one ends. */
const acyclic = fc
  .array(
    fc.record({
      costMs: fc.integer({ min: 0, max: 100 }),
      shares: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 7, maxLength: 7 }),
      end: fc.integer({ min: 0, max: 5 }),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((rows) =>
    rows.map(({ costMs, shares, end }, s): UnitState => {
      const later = shares.slice(0, rows.length - 1 - s);
      const total = later.reduce((sum, n) => sum + n, end);
      if (total === 0) return last(costMs);
      return {
        costMs,
        next: later.map((n, i) => ({ to: s + 1 + i, probability: n / total })),
        endProbability: end / total,
      };
    }),
  );

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-7 * Math.max(1, expected));
}

describe('unitRank', () => {
  const branching = [unit(2, { 1: 0.8, 2: 0.2 }, 0), last(5), last(200)];

  it('stops at the expensive branch', () => {
    expect(unitRank(branching, 0)).toBeCloseTo((2 + 0.8 * 5) / 0.8, 9);
    expect(unitRank(branching, 1)).toBe(5);
    expect(unitRank(branching, 2)).toBe(200);
  });

  it('uses the known cost of the first visit instead of its mean', () => {
    expect(unitRank(branching, 0, 10)).toBeCloseTo((10 + 0.8 * 5) / 0.8, 9);
    expect(unitRank(branching, 0, 0)).toBeCloseTo(5, 9);
    expect(unitRank(branching, 2, 30)).toBe(30);
  });

  it('ranks a chain of certain units by the sum of their costs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 30 }),
        (costs) => {
          const states = costs.map((cost, i) =>
            i === costs.length - 1 ? last(cost) : unit(cost, { [i + 1]: 1 }, 0),
          );
          expectClose(
            unitRank(states, 0),
            costs.reduce((sum, c) => sum + c, 0),
          );
        },
      ),
    );
  });

  it('does not depend on the order in which the states are listed', () => {
    const forwards = Array.from({ length: 300 }, (_, i) =>
      i === 299 ? last(1) : unit(1, { [i + 1]: 1 }, 0),
    );
    const backwards = Array.from({ length: 300 }, (_, i) =>
      i === 0 ? last(1) : unit(1, { [i - 1]: 1 }, 0),
    );
    expect(unitRank(forwards, 0)).toBeCloseTo(300, 6);
    expect(unitRank(backwards, 299)).toBeCloseTo(300, 6);
  });

  it('equals the brute force over all rules on acyclic graphs', () => {
    fc.assert(
      fc.property(acyclic, fc.integer({ min: 0, max: 50 }), (states, first) => {
        expectClose(unitRank(states, 0), bruteForce(states, states[0]?.costMs ?? 0));
        expectClose(unitRank(states, 0, first), bruteForce(states, first));
      }),
      { numRuns: 500 },
    );
  });

  it('equals the rank by samples where runs end only at the ends of certain units', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 9 })), {
          minLength: 1,
          maxLength: 10,
        }),
        (steps) => {
          let reached = 1;
          let age = 0;
          const sizes: number[] = [];
          const weights: number[] = [];
          const states = steps.map(([cost, tenths], i) => {
            const end = i === steps.length - 1 ? 1 : tenths / 10;
            age += cost;
            sizes.push(age);
            weights.push(reached * end);
            reached *= 1 - end;
            return end === 1 ? last(cost) : unit(cost, { [i + 1]: 1 - end }, end);
          });
          const table = RankTable.of(sizes, weights);
          states.forEach((_, s) => {
            expectClose(unitRank(states, s), table.rankAt(s > 0 ? (sizes[s - 1] ?? 0) : 0));
          });
        },
      ),
    );
  });

  it('handles loops', () => {
    expect(unitRank([unit(2, { 0: 0.9 }, 0.1)], 0)).toBeCloseTo(20, 6);
    expect(unitRank([unit(3, { 0: 0.75 }, 0.25)], 0)).toBeCloseTo(12, 6);
    expect(unitRank([unit(1, { 0: 0.999 }, 0.001)], 0)).toBeCloseTo(1000, 6);
    const pair = [unit(2, { 1: 1 }, 0), unit(3, { 0: 0.5 }, 0.5)];
    expect(unitRank(pair, 0)).toBeCloseTo(10, 6);
    expect(unitRank(pair, 1)).toBeCloseTo(6, 6);
    expect(unitRank(pair, 0, 0)).toBeCloseTo(6, 6);
  });

  it('takes missing probability as the end', () => {
    expect(unitRank([unit(2, { 0: 0.5 }, 0.1)], 0)).toBeCloseTo(4, 6);
    expect(unitRank([unit(7, {}, 0)], 0)).toBe(7);
    expect(unitRank([unit(2, { 1: 0.5 }, 0), last(100)], 0)).toBeCloseTo(4, 9);
  });

  it('never enters what does not end', () => {
    for (const cost of [0, 3]) {
      const states = [unit(2, { 1: 0.5 }, 0.5), unit(cost, { 1: 1 }, 0)];
      expect(unitRank(states, 0)).toBeCloseTo(4, 9);
    }
  });

  it('ranks a state from which no end is reached by its first visit', () => {
    expect(unitRank([unit(9, { 1: 1 }, 0), unit(1, { 0: 1 }, 0)], 0)).toBe(9);
    // Rounding in a sum of probabilities does not count as a chance to end.
    const tenths = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [i, 0.1]));
    const states = Array.from({ length: 10 }, () => unit(6, tenths, 0));
    expect(unitRank(states, 0)).toBe(6);
  });

  it('is finite and positive in any graph', () => {
    const state = fc.record({
      costMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
      shares: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 5, maxLength: 5 }),
      end: fc.integer({ min: 0, max: 2 }),
      missing: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(state, { minLength: 5, maxLength: 5 }), (rows) => {
        const states = rows.map(({ costMs, shares, end, missing }): UnitState => {
          const total = Math.max(
            1,
            shares.reduce((sum, n) => sum + n, end + missing),
          );
          const next = shares.map((n, to) => ({ to, probability: n / total }));
          return { costMs, next, endProbability: end / total };
        });
        states.forEach((_, s) => {
          expect(unitRank(states, s)).toBeGreaterThan(0);
          expect(unitRank(states, s)).toBeLessThan(Infinity);
          expect(unitRank(states, s, 0)).toBeGreaterThan(0);
        });
      }),
      { numRuns: 200 },
    );
  });
});
