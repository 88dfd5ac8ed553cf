/** The rows of a long table that are drawn: those in sight, wherever it is scrolled to. */
import { expect, it } from 'vitest';
import { rowsInSight } from '../../../src/console/parts/virtual-rows.ts';

const SIGHT = { rowPx: 50, heightPx: 500 };

it('are all that may be seen, and a bounded number of others', () => {
  for (const count of [1, 9, 10, 11, 200, 10_000]) {
    const heightPx = Math.min(SIGHT.heightPx, count * SIGHT.rowPx);
    const bottom = count - heightPx / SIGHT.rowPx;
    for (const top of [0, 0.5, 3.9, 100, bottom - 0.1, bottom].filter((t) => t <= bottom)) {
      const { first, end } = rowsInSight(Math.floor(Math.max(0, top)), {
        ...SIGHT,
        heightPx,
        count,
      });
      expect({ count, top, first: first <= Math.max(0, top), end: end <= count }).toEqual({
        ...{ count, top },
        ...{ first: true, end: true },
      });
      expect(end).toBeGreaterThanOrEqual(
        Math.min(count, Math.max(0, top) + heightPx / SIGHT.rowPx),
      );
      expect(end - first).toBeLessThan(30);
    }
  }
});

it('are the last ones of a list that became shorter than it was scrolled', () => {
  const { first, end } = rowsInSight(9_000, { ...SIGHT, count: 20 });
  expect(end).toBe(20);
  expect(first).toBeLessThanOrEqual(9);
});

it('are none of an empty list', () => {
  expect(rowsInSight(0, { rowPx: 50, heightPx: 0, count: 0 })).toEqual({ first: 0, end: 0 });
});
