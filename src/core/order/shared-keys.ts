/**
 * Several queues in which items of one group have one key (shared-queue.ts), such as the service that
 * an application had: a group is re-keyed in O(log n), however many queues it is in.
 */
import { merged } from './merged.ts';
import { type Ahead, RankedQueue } from './ranked-queue.ts';

/** The items of one group in one queue. */
export interface Part<T extends object> {
  readonly group: Group<T>;
  readonly items: RankedQueue<T>;
}

export interface Group<T extends object> {
  key: number;
  /** In the order of their first items, with what they stand for. */
  readonly parts: RankedQueue<Part<T>>;
}

export class SharedKeys<T extends object> {
  /** Name of an item's group; it may change. */
  readonly groupOf: (item: T) => string;
  readonly #groups = new Map<string, Group<T>>();
  readonly #order = new RankedQueue<Group<T>>();

  constructor(groupOf: (item: T) => string) {
    this.groupOf = groupOf;
  }

  /** The group of a name, which gets this key. */
  enter(name: string, key: number): Group<T> {
    let group = this.#groups.get(name);
    if (!group) {
      group = { key, parts: new RankedQueue() };
      this.#groups.set(name, group);
    }
    group.key = key;
    return group;
  }

  /** The items of a part have changed. */
  changed(name: string, part: Part<T>): void {
    const { group, items } = part;
    if (items.size > 0) group.parts.set(part, 0, items.peekSeq(), items.total);
    else group.parts.delete(part);
    this.#place(name, group);
  }

  /** Re-keys a group, if it is there, by its first item. */
  rekey(name: string, keyOf: (first: T) => number): void {
    const group = this.#groups.get(name);
    const first = group?.parts.peek()?.items.peek();
    if (!group || !first) return;
    group.key = keyOf(first);
    this.#place(name, group);
  }

  #place(name: string, group: Group<T>): void {
    const { key, parts } = group;
    if (parts.size > 0) return this.#order.set(group, key, parts.peekSeq(), parts.total);
    this.#order.delete(group);
    this.#groups.delete(name);
  }

  /** The first item of each group in each queue, in order. */
  *firsts(): Iterable<T> {
    const parts = merged(
      this.#order.inOrder(),
      (group) => group.parts.inOrder(),
      ({ group, items }) => ({ key: group.key, seq: items.peekSeq() }),
    );
    for (const { items } of parts) {
      const first = items.peek();
      if (first) yield first;
    }
  }

  /** What goes before an item of this key and sequence number in all queues together. */
  before(key: number, seq: number): Ahead {
    let { items, calls, workMs } = this.#order.before(key, -Infinity);
    for (const { parts } of this.#order.withKey(key)) {
      for (const part of parts.inOrder()) {
        if (part.items.peekSeq() >= seq) break;
        const ahead = part.items.before(0, seq);
        items += ahead.items;
        calls += ahead.calls;
        workMs += ahead.workMs;
      }
    }
    return { items, calls, workMs };
  }
}
