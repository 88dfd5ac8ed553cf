/**
 * A binary min-heap with re-keying: push, re-key and remove in O(log n). Equal keys go by sequence
 * number, smaller first, so the order is total and deterministic. A general data structure; the
 * queue of waiting calls is waiting-queue.ts.
 */

interface Entry<T> {
  readonly item: T;
  key: number;
  seq: number;
  /** Index in the heap. */
  at: number;
}

export class OrderedQueue<T extends object> {
  readonly #heap: Array<Entry<T>> = [];
  readonly #entries = new Map<T, Entry<T>>();

  get size(): number {
    return this.#heap.length;
  }

  /** Adds an item or re-keys it. RangeError on a key of NaN. */
  set(item: T, key: number, seq: number): void {
    if (Number.isNaN(key)) throw new RangeError('Expected a number as key, got NaN');
    const existing = this.#entries.get(item);
    if (existing) {
      existing.key = key;
      existing.seq = seq;
      this.#up(existing);
      this.#down(existing);
      return;
    }
    const entry = { item, key, seq, at: this.#heap.length };
    this.#heap.push(entry);
    this.#entries.set(item, entry);
    this.#up(entry);
  }

  /** The item with the smallest key; undefined where the queue is empty. */
  peek(): T | undefined {
    return this.#heap[0]?.item;
  }

  /** The smallest key; Infinity where the queue is empty. */
  peekKey(): number {
    return this.#heap[0]?.key ?? Infinity;
  }

  pop(): T | undefined {
    const first = this.peek();
    if (first) this.delete(first);
    return first;
  }

  /** Removes an item; false where it is not in the queue. */
  delete(item: T): boolean {
    const entry = this.#entries.get(item);
    if (!entry) return false;
    this.#entries.delete(item);
    const last = this.#heap.pop();
    if (last && last !== entry) {
      this.#place(last, entry.at);
      this.#up(last);
      this.#down(last);
    }
    return true;
  }

  has(item: T): boolean {
    return this.#entries.has(item);
  }

  keyOf(item: T): number | undefined {
    return this.#entries.get(item)?.key;
  }

  /** All items, in no order. */
  *values(): Iterable<T> {
    for (const entry of this.#heap) yield entry.item;
  }

  #up(entry: Entry<T>): void {
    while (entry.at > 0) {
      const parent = this.#heap[(entry.at - 1) >> 1];
      if (!parent || !precedes(entry, parent)) return;
      this.#swap(entry, parent);
    }
  }

  #down(entry: Entry<T>): void {
    for (;;) {
      const left = this.#heap[2 * entry.at + 1];
      const right = this.#heap[2 * entry.at + 2];
      const child = left && right && precedes(right, left) ? right : left;
      if (!child || !precedes(child, entry)) return;
      this.#swap(child, entry);
    }
  }

  #swap(a: Entry<T>, b: Entry<T>): void {
    const at = a.at;
    this.#place(a, b.at);
    this.#place(b, at);
  }

  #place(entry: Entry<T>, at: number): void {
    entry.at = at;
    this.#heap[at] = entry;
  }
}

interface Place {
  readonly key: number;
  readonly seq: number;
}

function precedes(a: Place, b: Place): boolean {
  return a.key < b.key || (a.key === b.key && a.seq < b.seq);
}
