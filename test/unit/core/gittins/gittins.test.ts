/**
 * The exact Gittins rank against its definition: a brute force over every stopping point, closed
 * forms that hold for finite samples, and properties that hold at any age.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankTable } from '../../../../src/core/gittins/gittins.ts';

const LEAST_RANK = 1e-9;

/** The definition: the least ratio over all samples beyond the age as stopping points. */
function bruteForce(samples: readonly number[], weights: readonly number[], age: number): number {
  const left = samples
    .map((x, i) => ({ remaining: x - age, weight: weights[i] ?? 0 }))
    .filter(({ remaining, weight }) => remaining > 0 && weight > 0);
  if (left.length === 0) return Math.max(LEAST_RANK, age);
  const ratios = left.map(({ remaining: d }) => {
    const spent = left.reduce((sum, s) => sum + s.weight * Math.min(s.remaining, d), 0);
    const done = left.reduce((sum, s) => (s.remaining <= d ? sum + s.weight : sum), 0);
    return spent / done;
  });
  return Math.max(LEAST_RANK, Math.min(...ratios));
}

/** Expected order statistics of n exponentials of mean 1: partial sums of the harmonic series. */
function exponential(n: number): number[] {
  let x = 0;
  return Array.from({ length: n }, (_, i) => {
    x += 1 / (n - i);
    return x;
  });
}

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-8 + 1e-9 * Math.abs(expected));
}

const ones = (samples: readonly number[]) => samples.map(() => 1);
const size = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.double({ min: 0, max: 10_000, noNaN: true }),
);
const sizes = fc.array(size, { minLength: 1, maxLength: 40 });
const weighted = fc.array(
  fc.record({
    x: size,
    w: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.double({ min: 0.01, max: 3, noNaN: true })),
  }),
  { minLength: 1, maxLength: 40 },
);

describe('RankTable', () => {
  it('equals the brute force over all stopping distances', () => {
    fc.assert(
      fc.property(sizes, size, (samples, age) => {
        const table = RankTable.of(samples);
        for (const a of [0, age, ...samples]) {
          expectClose(table.rankAt(a), bruteForce(samples, ones(samples), a));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('equals the brute force with weights, zeros among them', () => {
    fc.assert(
      fc.property(weighted, size, (pairs, age) => {
        const samples = pairs.map((p) => p.x);
        const weights = pairs.map((p) => p.w);
        fc.pre(weights.some((w) => w > 0));
        const table = RankTable.of(samples, weights);
        expect(table.size).toBe(samples.length);
        const counted = samples.filter((_, i) => (weights[i] ?? 0) > 0);
        const beyond = age >= Math.max(...counted);
        expectClose(
          table.rankAt(age),
          beyond ? Math.max(LEAST_RANK, age) : bruteForce(samples, weights, age),
        );
        for (const a of [0, ...counted]) {
          expectClose(table.rankAt(a), bruteForce(samples, weights, a));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('treats equal weights as none, and an integer weight as repetition', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(size, fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 20 }),
        size,
        (pairs, age) => {
          const samples = pairs.map(([x]) => x);
          const counts = pairs.map(([, n]) => n);
          const plain = RankTable.of(samples);
          const equal = RankTable.of(
            samples,
            samples.map(() => 2.5),
          );
          expectClose(equal.rankAt(age), plain.rankAt(age));
          expectClose(equal.mean, plain.mean);
          const repeated = RankTable.of(pairs.flatMap(([x, n]) => new Array<number>(n).fill(x)));
          const whole = RankTable.of(samples, counts);
          expectClose(whole.rankAt(age), repeated.rankAt(age));
          expectClose(whole.mean, repeated.mean);
        },
      ),
    );
  });

  it('is finite and positive at any age, also with weights of any magnitude', () => {
    const magnitude = fc.integer({ min: -200, max: 200 }).map((e) => 10 ** e);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(size, magnitude), { minLength: 1, maxLength: 20 }),
        fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true }),
        (pairs, far) => {
          const samples = pairs.map(([x]) => x);
          const table = RankTable.of(
            samples,
            pairs.map(([, w]) => w),
          );
          for (const age of [0, far, ...samples, ...samples.map((x) => x / 2)]) {
            const rank = table.rankAt(age);
            expect(rank).toBeGreaterThan(0);
            expect(rank).toBeLessThan(Infinity);
          }
        },
      ),
    );
  });

  it('keeps the tail if the rest outweighs it beyond the precision of a double', () => {
    expect(RankTable.of([1, 2], [1e20, 1]).rankAt(1)).toBe(1);
    expect(RankTable.of([1, 2, 3], [1e-300, 1, 1e-300]).rankAt(2)).toBe(1);
  });

  it('ranks one certain size by what remains of it', () => {
    const table = RankTable.of([12]);
    expect(table.rankAt(0)).toBe(12);
    expect(table.rankAt(5)).toBe(7);
    expect(table.rankAt(11.5)).toBe(0.5);
    expect(RankTable.of([12, 12, 12]).rankAt(5)).toBe(7);
  });

  it('ranks an exponential of mean 1 as 1 at every age, not 0.62', () => {
    const samples = exponential(1000);
    const table = RankTable.of(samples);
    expect(table.mean).toBeCloseTo(1, 9);
    for (const age of [0, ...samples.slice(0, -1)]) expect(table.rankAt(age)).toBeCloseTo(1, 9);
    // The published E[Y | Y <= D] / P(Y <= D) leaves out the cost of jobs longer than D.
    const published = Math.min(
      ...Array.from({ length: 10 }, (_, bucket) => {
        const done = samples.slice(0, (bucket + 1) * 100);
        const mean = done.reduce((sum, x) => sum + x, 0) / done.length;
        return mean / (done.length / samples.length);
      }),
    );
    expect(published).toBeLessThan(0.7);
  });

  it('ranks 2,000 quantiles of an exponential of mean 1 within 5 % of 1, not as 0.62', () => {
    const samples = Array.from({ length: 2_000 }, (_, i) => -Math.log(1 - (i + 1) / 2_001));
    const table = RankTable.of(samples);
    for (const age of [0, ...samples.filter((x) => x < 4)]) {
      expect(Math.abs(table.rankAt(age) - 1)).toBeLessThan(0.05);
    }
    // As in the published code: ten buckets of equal width up to the largest sample.
    const width = Math.max(...samples) / 10;
    const published = Math.min(
      ...Array.from({ length: 10 }, (_, bucket) => {
        const done = samples.filter((x) => x <= (bucket + 1) * width);
        const mean = done.reduce((sum, x) => sum + x, 0) / done.length;
        return mean / (done.length / samples.length);
      }),
    );
    expect(published).toBeGreaterThan(0.55);
    expect(published).toBeLessThan(0.7);
  });

  it('gives up on a long alternative: one in ten long jobs', () => {
    // Nine jobs of 1 and one of 100: stopping at 1 costs 10 for nine ends.
    const table = RankTable.of([1, 1, 1, 1, 1, 1, 1, 1, 1, 100]);
    expect(table.rankAt(0)).toBeCloseTo(10 / 9, 12);
    expect(table.rankAt(1)).toBe(99);
  });

  it('ranks a job older than all samples by its age, never at the front', () => {
    const table = RankTable.of([1, 2, 8]);
    expect(table.rankAt(8)).toBe(8);
    expect(table.rankAt(50)).toBe(50);
    expect(table.rankAt(Number.MAX_VALUE)).toBe(Number.MAX_VALUE);
  });

  it('leaves samples of size 0 out, and ranks nothing but zeros just above 0', () => {
    expect(RankTable.of([0, 0, 5]).rankAt(0)).toBe(5);
    expect(RankTable.of([0]).rankAt(0)).toBe(LEAST_RANK);
    expect(RankTable.of([0]).rankAt(3)).toBe(3);
  });

  it('copies its samples and knows their mean', () => {
    const samples = new Float64Array([6, 2, 4]);
    const table = RankTable.of(samples, [1, 1, 2]);
    expect([...samples]).toEqual([6, 2, 4]);
    const before = table.rankAt(0);
    samples.fill(1000);
    expect(table.rankAt(0)).toBe(before);
    expect(table.mean).toBe(4);
    expect(table.size).toBe(3);
  });

  it('names the invalid value in its error', () => {
    expect(() => RankTable.of([])).toThrow(RangeError);
    expect(() => RankTable.of([1, Number.NaN])).toThrow('NaN');
    expect(() => RankTable.of([1, -3])).toThrow('-3');
    expect(() => RankTable.of([Infinity])).toThrow('Infinity');
    expect(() => RankTable.of([1, 2], [1])).toThrow('Expected 2 weights, got 1');
    expect(() => RankTable.of([1, 2], [1, -0.5])).toThrow('-0.5');
    expect(() => RankTable.of([1, 2], [1, Number.NaN])).toThrow('NaN');
    expect(() => RankTable.of([1, 2], [0, 0])).toThrow(RangeError);
    expect(() => RankTable.of([1e308, 1e308])).toThrow(RangeError);
    expect(() => RankTable.of([1]).rankAt(Number.NaN)).toThrow('NaN');
  });
});
