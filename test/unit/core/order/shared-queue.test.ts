/** A queue whose groups have one key orders as a ranked queue whose items have their group's key. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RankedQueue } from '../../../../src/core/order/ranked-queue.ts';
import { SharedQueue } from '../../../../src/core/order/shared-queue.ts';

interface Item {
  readonly seq: number;
  group: string;
}

const GROUPS = ['a', 'b', 'c'];
const change = fc.record({
  what: fc.constantFrom('add', 'add', 'add', 'take', 'remove', 'rekey', 'move'),
  pick: fc.nat(1_000),
  key: fc.nat(4),
});

type Change = { readonly what: string; readonly pick: number; readonly key: number };

/** Both queues, and what is in them. */
class Queues {
  readonly shared = new SharedQueue<Item>(({ group }) => group);
  readonly plain = new RankedQueue<Item>();
  readonly #keys = new Map(GROUPS.map((group) => [group, 0]));
  items: Item[] = [];

  apply({ what, pick, key }: Change, seq: number): void {
    const group = GROUPS[pick % 3] ?? 'a';
    const item = this.items[pick % Math.max(1, this.items.length)];
    if (what === 'add') this.#set({ seq, group });
    else if (what === 'rekey') this.#rekey(group, key);
    else if (item && what === 'remove') this.#remove(item);
    else if (item && what === 'take') this.#remove(this.shared.peek() ?? item);
    else if (item) {
      item.group = group;
      this.#set(item);
    }
  }

  #set(item: Item): void {
    if (!this.items.includes(item)) this.items.push(item);
    const key = this.#keys.get(item.group) ?? 0;
    const load = { calls: 1 + (item.seq % 3), workMs: item.seq };
    this.shared.set(item, key, item.seq, load);
    this.plain.set(item, key, item.seq, load);
  }

  #rekey(group: string, key: number): void {
    this.#keys.set(group, key);
    this.shared.rekey(group, () => key);
    const load = ({ seq }: Item) => ({ calls: 1 + (seq % 3), workMs: seq });
    for (const item of this.items) {
      if (item.group === group) this.plain.set(item, key, item.seq, load(item));
    }
  }

  #remove(item: Item): void {
    expect([this.shared.delete(item), this.plain.delete(item)]).toEqual([true, true]);
    this.items = this.items.filter((other) => other !== item);
  }
}

it('takes and counts as a ranked queue does, with equal keys, re-keys and moves between groups', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const queues = new Queues();
      const { shared, plain } = queues;
      changes.forEach((one, seq) => {
        queues.apply(one, seq);
        expect(shared.peek()).toBe(plain.peek());
        expect(shared.peekKey()).toBe(plain.peekKey());
        expect([shared.size, shared.calls, shared.workMs]).toEqual([
          plain.size,
          plain.calls,
          plain.workMs,
        ]);
        for (const item of queues.items.slice(0, 5)) {
          expect(shared.before(one.key, item.seq)).toEqual(plain.before(one.key, item.seq));
          expect(shared.keyOf(item)).toBe(plain.keyOf(item));
        }
      });
    }),
    { numRuns: 100 },
  );
});
