/**
 * A queue in which items of one group have one key, such as the service that an application had: a
 * sorted list of groups, each a list of its items by sequence number. A group is re-keyed in
 * O(log n), however many items it has. The order is that of a ranked queue in which each item has
 * its group's key.
 */
import { type Ahead, type Load, RankedQueue } from './ranked-queue.ts';

interface Group<T extends object> {
  key: number;
  readonly items: RankedQueue<T>;
}

export class SharedQueue<T extends object> {
  readonly #groupOf: (item: T) => string;
  readonly #groups = new Map<string, Group<T>>();
  /** The group that each item is in; what `groupOf` says may have changed since. */
  readonly #names = new Map<T, string>();
  readonly #order = new RankedQueue<Group<T>>();
  readonly #onGroup: (name: string, isThere: boolean) => void;

  /** `onGroup`: a group has got its first item, or lost its last one. */
  constructor(
    groupOf: (item: T) => string,
    onGroup: (name: string, isThere: boolean) => void = () => {},
  ) {
    this.#groupOf = groupOf;
    this.#onGroup = onGroup;
  }

  get size(): number {
    return this.#names.size;
  }

  /** Calls of all of its items together. */
  get calls(): number {
    return this.#order.calls;
  }

  /** Expected time that they take, ms. */
  get workMs(): number {
    return this.#order.workMs;
  }

  /** Adds an item or changes its place; its group gets the key. RangeError on a key of NaN. */
  set(item: T, key: number, seq: number, load: Load): void {
    const name = this.#groupOf(item);
    if (this.#names.get(item) !== name) this.delete(item);
    let group = this.#groups.get(name);
    if (!group) {
      group = { key, items: new RankedQueue() };
      this.#groups.set(name, group);
      this.#onGroup(name, true);
    }
    group.key = key;
    group.items.set(item, 0, seq, load);
    this.#names.set(item, name);
    this.#place(group);
  }

  /** Re-keys a group, if it is there, by its first item. */
  rekey(name: string, keyOf: (first: T) => number): void {
    const group = this.#groups.get(name);
    const first = group?.items.peek();
    if (!group || !first) return;
    group.key = keyOf(first);
    this.#place(group);
  }

  peek(): T | undefined {
    return this.#order.peek()?.items.peek();
  }

  /** The smallest key; Infinity where the queue is empty. */
  peekKey(): number {
    return this.#order.peekKey();
  }

  /** Sequence number of the first item; Infinity where the queue is empty. */
  peekSeq(): number {
    return this.#order.peekSeq();
  }

  /** Removes an item; false where it is not in the queue. */
  delete(item: T): boolean {
    const name = this.#names.get(item);
    const group = name === undefined ? undefined : this.#groups.get(name);
    if (name === undefined || !group) return false;
    this.#names.delete(item);
    group.items.delete(item);
    if (group.items.size > 0) this.#place(group);
    else {
      this.#groups.delete(name);
      this.#order.delete(group);
      this.#onGroup(name, false);
    }
    return true;
  }

  keyOf(item: T): number | undefined {
    const name = this.#names.get(item);
    return name === undefined ? undefined : this.#groups.get(name)?.key;
  }

  /** All items, in order of their groups' keys; groups of one key follow one another. */
  *inOrder(): Iterable<T> {
    for (const { items } of this.#order.inOrder()) yield* items.inOrder();
  }

  /** What goes before an item of this key and sequence number. */
  before(key: number, seq: number): Ahead {
    let { items, calls, workMs } = this.#order.before(key, -Infinity);
    for (const group of this.#order.withKey(key)) {
      const ahead = group.items.before(0, seq);
      items += ahead.items;
      calls += ahead.calls;
      workMs += ahead.workMs;
    }
    return { items, calls, workMs };
  }

  #place(group: Group<T>): void {
    const { calls, workMs, size: items } = group.items;
    this.#order.set(group, group.key, group.items.peekSeq(), { items, calls, workMs });
  }
}
