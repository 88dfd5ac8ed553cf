/** The indexed heap against a model: an array that is sorted for every query. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedQueue } from '../../../../src/core/order/ordered-queue.ts';

interface Item {
  readonly id: number;
}

interface Row {
  readonly item: Item;
  key: number;
  seq: number;
}

const ITEMS: readonly Item[] = Array.from({ length: 25 }, (_, id) => ({ id }));
const item = fc.constantFrom(...ITEMS);
// Few keys, so that many are equal; infinities are keys too.
const key = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(-Infinity, Infinity));
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), item, key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), item }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pop' as const) }) },
);

function sorted(rows: Iterable<Row>): Row[] {
  return [...rows].sort((a, b) => (a.key === b.key ? a.seq - b.seq : a.key < b.key ? -1 : 1));
}

describe('OrderedQueue', () => {
  it('behaves like a sorted array under any sequence of steps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const queue = new OrderedQueue<Item>();
        const model = new Map<Item, Row>();
        steps.forEach((s, i) => {
          if (s.do === 'set') {
            // Distinct sequence numbers that do not rise with time.
            const seq = (i * 7919) % 10_007;
            queue.set(s.item, s.key, seq);
            model.set(s.item, { item: s.item, key: s.key, seq });
          } else if (s.do === 'delete') {
            expect(queue.delete(s.item)).toBe(model.delete(s.item));
          } else {
            const first = sorted(model.values())[0]?.item;
            expect(queue.pop()).toBe(first);
            if (first) model.delete(first);
          }
          const rows = sorted(model.values());
          expect(queue.size).toBe(rows.length);
          expect(queue.peek()).toBe(rows[0]?.item);
          expect(queue.peekKey()).toBe(rows[0]?.key ?? Infinity);
        });
        const rows = sorted(model.values());
        for (const one of ITEMS) {
          expect(queue.has(one)).toBe(model.has(one));
          expect(queue.keyOf(one)).toBe(model.get(one)?.key);
        }
        expect(new Set(queue.values())).toEqual(new Set(model.keys()));
        expect(rows.map(() => queue.pop())).toEqual(rows.map((row) => row.item));
        expect(queue.pop()).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('takes equal keys first in, first out', () => {
    const queue = new OrderedQueue<Item>();
    ITEMS.forEach((one, seq) => {
      queue.set(one, 1, seq);
    });
    expect(ITEMS.map(() => queue.pop())).toEqual(ITEMS);
  });

  it('changes the key of an item without a second copy', () => {
    const queue = new OrderedQueue<Item>();
    const a = { id: 1 };
    const b = { id: 2 };
    queue.set(a, 1, 1);
    queue.set(b, 2, 2);
    queue.set(a, 3, 1);
    expect(queue.size).toBe(2);
    expect(queue.peek()).toBe(b);
    queue.set(a, 0, 1);
    expect(queue.peek()).toBe(a);
  });

  it('lifts an item that takes the place of a deleted one, where it goes before its parent', () => {
    const queue = new OrderedQueue<Item>();
    const keys = [0, 10, 1, 20, 21, 2, 3, 30, 31, 32, 33, 4, 5, 6, 7];
    const items = keys.map((id) => ({ id }));
    items.forEach((one, seq) => {
      queue.set(one, one.id, seq);
    });
    const deleted = items.find((one) => one.id === 20);
    expect(deleted && queue.delete(deleted)).toBe(true);
    expect(Array.from({ length: 14 }, () => queue.pop()?.id)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 10, 21, 30, 31, 32, 33,
    ]);
  });

  it('is empty at first, and does not contain items that were never added', () => {
    const queue = new OrderedQueue<Item>();
    expect(queue.size).toBe(0);
    expect(queue.peek()).toBeUndefined();
    expect(queue.peekKey()).toBe(Infinity);
    expect(queue.pop()).toBeUndefined();
    expect(queue.delete({ id: 1 })).toBe(false);
    expect(queue.keyOf({ id: 1 })).toBeUndefined();
  });

  it('refuses a key that is not a number, and stays unchanged', () => {
    const queue = new OrderedQueue<Item>();
    const a = { id: 1 };
    queue.set(a, 5, 1);
    expect(() => queue.set(a, Number.NaN, 1)).toThrow(RangeError);
    expect(() => queue.set({ id: 2 }, Number.NaN, 2)).toThrow(RangeError);
    expect(queue.size).toBe(1);
    expect(queue.keyOf(a)).toBe(5);
  });
});
