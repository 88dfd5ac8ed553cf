/**
 * A queue in which items of one group have one key, which they share with those of other queues
 * (shared-keys.ts): a sorted list of groups, each a list of its items by sequence number. The order is
 * that of a ranked queue in which each item has its group's key. A group that has got another key is
 * sorted anew once the queue is asked for its order.
 */
import { type Ahead, type Load, RankedQueue } from './ranked-queue.ts';
import type { Part, SharedKeys } from './shared-keys.ts';

export class SharedQueue<T extends object> {
  readonly #keys: SharedKeys<T>;
  readonly #parts = new Map<string, Part<T>>();
  /** The group that each item is in; what `groupOf` says may have changed since. */
  readonly #names = new Map<T, string>();
  /** All parts but those that are to be sorted anew are in it by their present key. */
  readonly #sorted = new RankedQueue<Part<T>>();
  readonly #unsorted = new Set<Part<T>>();

  constructor(keys: SharedKeys<T>) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#names.size;
  }

  /** Calls of all of its items together. */
  get calls(): number {
    return this.#sorted.calls;
  }

  /** Expected time that they take, ms. */
  get workMs(): number {
    return this.#sorted.workMs;
  }

  /** Adds an item or changes its place; its group gets the key. RangeError on a key of NaN. */
  set(item: T, key: number, seq: number, load: Load): void {
    if (Number.isNaN(key)) throw new RangeError('Expected a number as key, got NaN');
    const name = this.#keys.groupOf(item);
    if (this.#names.get(item) !== name) this.delete(item);
    const group = this.#keys.enter(name, key);
    let part = this.#parts.get(name);
    if (!part) {
      part = { group, items: new RankedQueue(), onKey: (one) => this.#unsorted.add(one) };
      this.#parts.set(name, part);
    }
    part.items.set(item, 0, seq, load);
    this.#names.set(item, name);
    this.#keys.changed(part);
    this.#sort(part);
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
    const part = name === undefined ? undefined : this.#parts.get(name);
    if (name === undefined || !part) return false;
    this.#names.delete(item);
    part.items.delete(item);
    if (part.items.size > 0) {
      this.#keys.changed(part);
      this.#sort(part);
    } else {
      this.#parts.delete(name);
      this.#unsorted.delete(part);
      this.#sorted.delete(part);
      this.#keys.leave(name, part);
    }
    return true;
  }

  keyOf(item: T): number | undefined {
    const name = this.#names.get(item);
    return name === undefined ? undefined : this.#parts.get(name)?.group.key;
  }

  /** All items, in order of their groups' keys; groups of one key follow one another. */
  *inOrder(): Iterable<T> {
    for (const { items } of this.#order.inOrder()) yield* items.inOrder();
  }

  /** What goes before an item of this key and sequence number. */
  before(key: number, seq: number): Ahead {
    const order = this.#order;
    let { items, calls, workMs } = order.before(key, -Infinity);
    for (const part of order.withKey(key)) {
      const ahead = part.items.before(0, seq);
      items += ahead.items;
      calls += ahead.calls;
      workMs += ahead.workMs;
    }
    return { items, calls, workMs };
  }

  get #order(): RankedQueue<Part<T>> {
    for (const part of this.#unsorted) this.#sort(part);
    return this.#sorted;
  }

  #sort(part: Part<T>): void {
    const { calls, workMs, size: items } = part.items;
    this.#unsorted.delete(part);
    this.#sorted.set(part, part.group.key, part.items.peekSeq(), { items, calls, workMs });
    part.group.sorted.add(part);
  }
}
