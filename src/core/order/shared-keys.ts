/**
 * Several queues in which items of one group have one key (shared-queue.ts), such as the service that
 * an application had: a group is re-keyed in O(log n), however many queues it is in.
 */
import { merged } from './merged.ts';
import { RankedQueue } from './ranked-queue.ts';

/** The items of one group in one queue. */
export interface Part<T extends object> {
  readonly group: Group<T>;
  readonly items: RankedQueue<T>;
  /** To be called when the group has got another key. */
  readonly onKey: (part: Part<T>) => void;
}

export interface Group<T extends object> {
  key: number;
  /** In the order of their first items. */
  readonly parts: RankedQueue<Part<T>>;
  /** Those whose queue has sorted them by the present key. */
  readonly sorted: Set<Part<T>>;
}

export class SharedKeys<T extends object> {
  /** Name of an item's group; it may change. */
  readonly groupOf: (item: T) => string;
  readonly #groups = new Map<string, Group<T>>();
  readonly #order = new RankedQueue<Group<T>>();

  constructor(groupOf: (item: T) => string) {
    this.groupOf = groupOf;
  }

  /** The smallest key; Infinity where all queues are empty. */
  get leastKey(): number {
    return this.#order.peekKey();
  }

  /** The group of a name, which gets this key. */
  enter(name: string, key: number): Group<T> {
    let group = this.#groups.get(name);
    if (!group) {
      group = { key, parts: new RankedQueue(), sorted: new Set() };
      this.#groups.set(name, group);
    } else if (group.key !== key) this.#rekey(group, key);
    return group;
  }

  /** The first item of a part may be another. */
  changed(part: Part<T>): void {
    const { group, items } = part;
    group.parts.set(part, 0, items.peekSeq());
    this.#place(group);
  }

  /** A part has no items any more. */
  leave(name: string, part: Part<T>): void {
    const { group } = part;
    group.parts.delete(part);
    group.sorted.delete(part);
    if (group.parts.size > 0) return this.#place(group);
    this.#order.delete(group);
    this.#groups.delete(name);
  }

  /** Re-keys a group, if it is there, by its first item. */
  rekey(name: string, keyOf: (first: T) => number): void {
    const group = this.#groups.get(name);
    const first = group?.parts.peek()?.items.peek();
    if (group && first) this.#rekey(group, keyOf(first));
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

  #rekey(group: Group<T>, key: number): void {
    group.key = key;
    for (const part of group.sorted) part.onKey(part);
    group.sorted.clear();
    this.#place(group);
  }

  #place(group: Group<T>): void {
    // A group that is just being made has no parts yet.
    if (group.parts.size > 0) this.#order.set(group, group.key, group.parts.peekSeq());
  }
}
