/**
 * Nearest neighbours, sample codes and ranks without a table, each against a simple implementation.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankTable, rankOnce } from '../../../../src/core/gittins/gittins.ts';
import { decode, encode } from '../../../../src/core/learning/log-code.ts';
import { nearestRows } from '../../../../src/core/learning/nearest.ts';

describe('the nearest rows', () => {
  it('are the first ones in a sort by distance, the later ones among equals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 90 }),
        (distances, k) => {
          const rows = distances.map((_, row) => row);
          rows.sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || b - a);
          const wanted = rows.slice(0, k).sort((a, b) => a - b);
          expect([...nearestRows(Float64Array.from(distances), k)]).toEqual(wanted);
        },
      ),
    );
  });
});

describe('a sample code', () => {
  it('keeps 0 and Infinity, and all between to a fiftieth of a percent', () => {
    expect([0, Infinity].map((v) => decode(encode(v)))).toEqual([0, Infinity]);
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 9e8, noNaN: true }), (value) => {
        expect(Math.abs(decode(encode(value)) / value - 1)).toBeLessThan(3e-4);
      }),
    );
  });

  it('keeps the order of numbers', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.nat(1_000), (value, more) => {
        expect(encode(value + more)).toBeGreaterThanOrEqual(encode(value));
      }),
    );
  });
});

describe('a rank without a table', () => {
  it('is the rank with one', () => {
    const sizes = fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(sizes, fc.double({ min: 0, max: 1_200, noNaN: true }), (samples, age) => {
        const once = rankOnce(Float64Array.from(samples), age);
        const table = RankTable.of(samples).rankAt(age);
        expect(Math.abs(once - table)).toBeLessThanOrEqual(1e-9 * Math.max(1, table));
      }),
    );
  });
});
