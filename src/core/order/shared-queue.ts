/**
 * The runs of one lane where those of an application have one key, which they share with those of
 * other lanes (shared-keys.ts): a list by sequence number for each application. The order is that of a
 * ranked queue in which each item has its application's key.
 */
import { type Ahead, type Load, RankedQueue } from './ranked-queue.ts';
import type { Part, SharedKeys } from './shared-keys.ts';

export class SharedQueue<T extends object> {
  readonly #keys: SharedKeys<T>;
  readonly #parts = new Map<string, Part<T>>();
  /** The group that each item is in; what `groupOf` says may have changed since. */
  readonly #names = new Map<T, string>();
  /** Calls of all of its items together, and the time that they are expected to take, ms. */
  calls = 0;
  workMs = 0;

  constructor(keys: SharedKeys<T>) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#names.size;
  }

  /** Adds an item or changes its place; its group gets the key. RangeError on a key of NaN. */
  set(item: T, key: number, seq: number, load: Load): void {
    if (Number.isNaN(key)) throw new RangeError('Expected a number as key, got NaN');
    const name = this.#keys.groupOf(item);
    if (this.#names.get(item) !== name) this.delete(item);
    const group = this.#keys.enter(name, key);
    let part = this.#parts.get(name);
    if (!part) {
      part = { group, items: new RankedQueue() };
      this.#parts.set(name, part);
    }
    this.#names.set(item, name);
    this.#change(name, part, (items) => items.set(item, 0, seq, load));
  }

  /** Removes an item; false where it is not in the queue. */
  delete(item: T): boolean {
    const name = this.#names.get(item) ?? '';
    const part = this.#parts.get(name);
    if (!part || !this.#names.delete(item)) return false;
    this.#change(name, part, (items) => items.delete(item));
    if (part.items.size === 0) this.#parts.delete(name);
    return true;
  }

  #change(name: string, part: Part<T>, change: (items: RankedQueue<T>) => void): void {
    const { items } = part;
    const { calls, workMs } = items;
    change(items);
    this.#keys.changed(name, part);
    this.calls += items.calls - calls;
    this.workMs += items.workMs - workMs;
  }

  keyOf(item: T): number | undefined {
    return this.#parts.get(this.#names.get(item) ?? '')?.group.key;
  }

  peek(): T | undefined {
    const [first] = this.inOrder();
    return first;
  }

  /** All items, in order of their groups' keys; groups of one key follow one another. */
  *inOrder(): Iterable<T> {
    const parts = [...this.#parts.values()].sort(
      (a, b) => a.group.key - b.group.key || a.items.peekSeq() - b.items.peekSeq(),
    );
    for (const { items } of parts) yield* items.inOrder();
  }

  /** What goes before an item of this key and sequence number. O(n) in the number of groups. */
  before(key: number, seq: number): Ahead {
    let [items, calls, workMs] = [0, 0, 0];
    for (const { group, items: all } of this.#parts.values()) {
      if (group.key > key) continue;
      const ahead = group.key < key ? all.total : all.before(0, seq);
      items += ahead.items;
      calls += ahead.calls;
      workMs += ahead.workMs;
    }
    return { items, calls, workMs };
  }
}
