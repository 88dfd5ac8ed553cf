/** Queues whose groups have one key order as ranked queues whose items have their group's key. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Ahead, RankedQueue } from '../../../../src/core/order/ranked-queue.ts';
import { SharedKeys } from '../../../../src/core/order/shared-keys.ts';
import { SharedQueue } from '../../../../src/core/order/shared-queue.ts';

interface Item {
  readonly seq: number;
  readonly queue: number;
  group: string;
}

const GROUPS = ['a', 'b', 'c'];
const change = fc.record({
  what: fc.constantFrom('add', 'add', 'add', 'take', 'remove', 'rekey', 'move'),
  pick: fc.nat(1_000),
  key: fc.nat(4),
});

type Change = { readonly what: string; readonly pick: number; readonly key: number };

/** Both kinds of queues, and what is in them. */
class Queues {
  readonly sharedKeys = new SharedKeys<Item>(({ group }) => group);
  readonly shared = [new SharedQueue(this.sharedKeys), new SharedQueue(this.sharedKeys)] as const;
  readonly plain = [new RankedQueue<Item>(), new RankedQueue<Item>()] as const;
  readonly #keys = new Map(GROUPS.map((group) => [group, 0]));
  items: Item[] = [];

  apply({ what, pick, key }: Change, seq: number): void {
    const group = GROUPS[pick % 3] ?? 'a';
    const item = this.items[pick % Math.max(1, this.items.length)];
    const queue = (pick >> 2) % 2;
    if (what === 'add') this.#set({ seq, group, queue });
    else if (what === 'rekey') this.#rekey(group, key);
    else if (item && what === 'remove') this.#remove(item);
    else if (item && what === 'take') this.#remove(of(this.shared, queue).peek() ?? item);
    else if (item) {
      item.group = group;
      this.#set(item);
    }
  }

  #set(item: Item): void {
    if (!this.items.includes(item)) this.items.push(item);
    const key = this.#keys.get(item.group) ?? 0;
    const load = { calls: 1 + (item.seq % 3), workMs: item.seq };
    of(this.shared, item.queue).set(item, key, item.seq, load);
    of(this.plain, item.queue).set(item, key, item.seq, load);
  }

  #rekey(group: string, key: number): void {
    this.#keys.set(group, key);
    this.sharedKeys.rekey(group, () => key);
    const load = ({ seq }: Item) => ({ calls: 1 + (seq % 3), workMs: seq });
    for (const item of this.items) {
      if (item.group === group) of(this.plain, item.queue).set(item, key, item.seq, load(item));
    }
  }

  #remove(item: Item): void {
    const queues = [of(this.shared, item.queue), of(this.plain, item.queue)];
    expect(queues.map((queue) => queue.delete(item))).toEqual([true, true]);
    this.items = this.items.filter((other) => other !== item);
  }
}

function sumOf(all: readonly Ahead[]): Ahead {
  const sum = { items: 0, calls: 0, workMs: 0 };
  for (const { items, calls, workMs } of all) {
    sum.items += items;
    sum.calls += calls;
    sum.workMs += workMs;
  }
  return sum;
}

function of<T>(queues: readonly [T, T], at: number): T {
  return at === 0 ? queues[0] : queues[1];
}

it('takes and counts as ranked queues do, with equal keys, re-keys and moves between groups', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const queues = new Queues();
      changes.forEach((one, seq) => {
        queues.apply(one, seq);
        // Each queue is asked after some of the changes only.
        const at = one.pick % 2;
        const [shared, plain] = [of(queues.shared, at), of(queues.plain, at)];
        expect([shared.size, shared.calls, shared.workMs]).toEqual([
          plain.size,
          plain.calls,
          plain.workMs,
        ]);
        if (seq % 3 > 0) return;
        expect(shared.peek()).toBe(plain.peek());
        const together = queues.plain.map((queue) => queue.before(one.key, seq - 5));
        expect(queues.sharedKeys.before(one.key, seq - 5)).toEqual(sumOf(together));
        for (const item of queues.items.slice(0, 5)) {
          expect(shared.before(one.key, item.seq)).toEqual(plain.before(one.key, item.seq));
          expect(shared.keyOf(item)).toBe(plain.keyOf(item));
        }
      });
    }),
    { numRuns: 100 },
  );
});

it('tells the first item of each group in each queue, in order', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const queues = new Queues();
      for (const [seq, one] of changes.entries()) queues.apply(one, seq);
      const keyOf = (item: Item) => of(queues.plain, item.queue).keyOf(item) ?? Infinity;
      const sorted = [...queues.items].sort((a, b) => keyOf(a) - keyOf(b) || a.seq - b.seq);
      const isFirst = (item: Item) =>
        sorted.find(({ group, queue }) => group === item.group && queue === item.queue) === item;
      expect([...queues.sharedKeys.firsts()]).toEqual(sorted.filter(isFirst));
    }),
    { numRuns: 200 },
  );
});
