/** The sorted list against a model: an array that is sorted for every query. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankedQueue } from '../../../../src/core/order/ranked-queue.ts';

interface Row {
  readonly item: { readonly id: number };
  readonly key: number;
  readonly seq: number;
  readonly workMs: number;
}

const ITEMS = Array.from({ length: 400 }, (_, id) => ({ id }));
const item = fc.constantFrom(...ITEMS);
// Few keys, so that many are equal; infinities are keys too.
const key = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(-Infinity, Infinity));
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), item, key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), item }) },
);

function sorted(rows: Iterable<Row>): Row[] {
  return [...rows].sort((a, b) => (a.key === b.key ? a.seq - b.seq : a.key < b.key ? -1 : 1));
}

describe('RankedQueue', () => {
  it('knows what goes before each item under any sequence of steps', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 300, maxLength: 600 }), (steps) => {
        const queue = new RankedQueue<Row['item']>();
        const model = new Map<Row['item'], Row>();
        steps.forEach((s, i) => {
          if (s.do === 'delete') {
            expect(queue.delete(s.item)).toBe(model.delete(s.item));
            return;
          }
          const seq = (i * 7919) % 10_007;
          const workMs = i % 13;
          queue.set(s.item, s.key, seq, { calls: 2, workMs });
          model.set(s.item, { item: s.item, key: s.key, seq, workMs });
        });
        const rows = sorted(model.values());
        expect(queue.size).toBe(rows.length);
        expect(queue.peek()).toBe(rows[0]?.item);
        expect(queue.peekKey()).toBe(rows[0]?.key ?? Infinity);
        let workMs = 0;
        rows.forEach((row, i) => {
          expect(queue.before(row.key, row.seq)).toEqual({ items: i, calls: 2 * i, workMs });
          expect(queue.keyOf(row.item)).toBe(row.key);
          workMs += row.workMs;
        });
        expect([queue.calls, queue.workMs]).toEqual([2 * rows.length, workMs]);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses a key that is no number, and keeps what it has', () => {
    const queue = new RankedQueue<object>();
    const one = {};
    queue.set(one, 1, 1);
    expect(() => queue.set(one, Number.NaN, 1)).toThrow(RangeError);
    expect(queue.keyOf(one)).toBe(1);
  });
});
