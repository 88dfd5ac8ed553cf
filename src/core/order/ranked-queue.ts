/**
 * A queue in order of its keys that can tell how much goes before an item: a sorted list, cut into
 * blocks that know their sums. Push, re-key and remove cost O(log n) comparisons and a move within
 * one block; what is ahead of an item is summed over the blocks before it. Equal keys go by sequence
 * number, smaller first. Where nobody asks what is ahead, ordered-queue.ts is smaller.
 */

/** What an item stands for. */
export interface Load {
  /** 1 where absent; more for an item that stands for several. */
  readonly items?: number;
  /** Calls, one that takes several slots as so many. */
  readonly calls: number;
  /** Expected time that they take, ms. */
  readonly workMs: number;
}

/** What goes before an item. */
export interface Ahead extends Load {
  readonly items: number;
}

interface Entry<T> extends Load {
  readonly item: T;
  readonly key: number;
  readonly seq: number;
  readonly items: number;
}

interface Block<T> {
  readonly entries: Array<Entry<T>>;
  items: number;
  calls: number;
  /** Whole milliseconds, so that sums stay exact. */
  workMs: number;
}

const ONE_CALL: Load = { calls: 1, workMs: 0 };
/** A block of more entries is cut in two. */
const MAX_BLOCK = 128;

export class RankedQueue<T extends object> {
  readonly #blocks: Array<Block<T>> = [];
  readonly #entries = new Map<T, Entry<T>>();
  #items = 0;
  #calls = 0;
  #workMs = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Calls of all of its items together. */
  get calls(): number {
    return this.#calls;
  }

  /** Expected time that they take, ms. */
  get workMs(): number {
    return this.#workMs;
  }

  /** What all of its items stand for. */
  get total(): Ahead {
    return { items: this.#items, calls: this.#calls, workMs: this.#workMs };
  }

  /** Adds an item or re-keys it. RangeError on a key of NaN. */
  set(item: T, key: number, seq: number, load: Load = ONE_CALL): void {
    if (Number.isNaN(key)) throw new RangeError('Expected a number as key, got NaN');
    this.delete(item);
    const { items = 1, calls } = load;
    const entry = { item, key, seq, items, calls, workMs: Math.round(load.workMs) };
    this.#entries.set(item, entry);
    const at = Math.min(this.#blockOf(entry), this.#blocks.length - 1);
    const block = this.#blocks[at];
    if (!block) {
      this.#blocks.push({ entries: [entry], items: 0, calls: 0, workMs: 0 });
      return this.#count(this.#blocks[0], entry, 1);
    }
    block.entries.splice(placeIn(block.entries, entry), 0, entry);
    this.#count(block, entry, 1);
    if (block.entries.length > MAX_BLOCK) this.#cut(at);
  }

  /** The item with the smallest key; undefined where the queue is empty. */
  peek(): T | undefined {
    return this.#blocks[0]?.entries[0]?.item;
  }

  /** The smallest key; Infinity where the queue is empty. */
  peekKey(): number {
    return this.#blocks[0]?.entries[0]?.key ?? Infinity;
  }

  /** Sequence number of the first item; Infinity where the queue is empty. */
  peekSeq(): number {
    return this.#blocks[0]?.entries[0]?.seq ?? Infinity;
  }

  /** The items of a key, in order. */
  *withKey(key: number): Iterable<T> {
    for (let at = this.#blockOf({ key, seq: -Infinity }); at < this.#blocks.length; at += 1) {
      for (const entry of this.#blocks[at]?.entries ?? []) {
        if (entry.key > key) return;
        if (entry.key === key) yield entry.item;
      }
    }
  }

  /** All items, in order. */
  *inOrder(): Iterable<T> {
    for (const { entries } of this.#blocks) for (const { item } of entries) yield item;
  }

  /** Removes an item; false where it is not in the queue. */
  delete(item: T): boolean {
    const entry = this.#entries.get(item);
    if (!entry) return false;
    this.#entries.delete(item);
    const at = this.#blockOf(entry);
    const block = this.#blocks[at];
    block?.entries.splice(placeIn(block.entries, entry), 1);
    this.#count(block, entry, -1);
    if (block?.entries.length === 0) this.#blocks.splice(at, 1);
    return true;
  }

  keyOf(item: T): number | undefined {
    return this.#entries.get(item)?.key;
  }

  /** What goes before an item of this key and sequence number. */
  before(key: number, seq: number): Ahead {
    const place = { key, seq };
    const at = this.#blockOf(place);
    let [items, calls, workMs] = [0, 0, 0];
    for (let i = 0; i < at; i += 1) {
      const block = this.#blocks[i];
      items += block?.items ?? 0;
      calls += block?.calls ?? 0;
      workMs += block?.workMs ?? 0;
    }
    const entries = this.#blocks[at]?.entries ?? [];
    const end = placeIn(entries, place);
    for (let i = 0; i < end; i += 1) {
      items += entries[i]?.items ?? 0;
      calls += entries[i]?.calls ?? 0;
      workMs += entries[i]?.workMs ?? 0;
    }
    return { items, calls, workMs };
  }

  #count(block: Block<T> | undefined, load: Required<Load>, by: 1 | -1): void {
    const { items, calls, workMs } = load;
    this.#items += by * items;
    this.#calls += by * calls;
    this.#workMs += by * workMs;
    if (!block) return;
    block.items += by * items;
    block.calls += by * calls;
    block.workMs += by * workMs;
  }

  #cut(at: number): void {
    const block = this.#blocks[at];
    if (!block) return;
    const entries = block.entries.splice(MAX_BLOCK >> 1);
    const moved: Block<T> = { entries, items: 0, calls: 0, workMs: 0 };
    for (const { items, calls, workMs } of moved.entries) {
      moved.items += items;
      moved.calls += calls;
      moved.workMs += workMs;
    }
    block.items -= moved.items;
    block.calls -= moved.calls;
    block.workMs -= moved.workMs;
    this.#blocks.splice(at + 1, 0, moved);
  }

  /** The first block whose last entry does not go before the place; their number if none. */
  #blockOf(place: Place): number {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#blocks[middle]?.entries.at(-1);
      if (last && precedes(last, place)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Place {
  readonly key: number;
  readonly seq: number;
}

function precedes(a: Place, b: Place): boolean {
  return a.key < b.key || (a.key === b.key && a.seq < b.seq);
}

/** The first index whose entry does not go before the place. */
function placeIn(entries: readonly Place[], place: Place): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries[middle];
    if (entry && precedes(entry, place)) low = middle + 1;
    else high = middle;
  }
  return low;
}
