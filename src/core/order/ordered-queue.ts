/**
 * A binary min-heap whose items can be keyed anew: push, re-key and remove in O(log n). Equal keys
 * go by sequence number, smaller first, so the order is total and every run of it the same.
 */

interface Entry<T> {
  readonly item: T;
  key: number;
  seq: number;
  at: number;
}

export class OrderedQueue<T extends object> {
  readonly #heap: Array<Entry<T>> = [];
  readonly #entries = new Map<T, Entry<T>>();

  get size(): number {
    return this.#heap.length;
  }

  /** Puts an item in, or keys it anew. RangeError on a key that is not a number. */
  set(item: T, key: number, seq: number): void {
    if (Number.isNaN(key)) throw new RangeError('Expected a number as key, got NaN');
    const known = this.#entries.get(item);
    if (known) {
      known.key = key;
      known.seq = seq;
      this.#up(known);
      this.#down(known);
      return;
    }
    const entry = { item, key, seq, at: this.#heap.length };
    this.#heap.push(entry);
    this.#entries.set(item, entry);
    this.#up(entry);
  }

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

  /** False where the item was not in. */
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

  /** How many items go before this one; O(n). */
  countBefore(item: T): number {
    const entry = this.#entries.get(item);
    if (!entry) return 0;
    return this.#heap.reduce((n, other) => (precedes(other, entry) ? n + 1 : n), 0);
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

function precedes<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.key < b.key || (a.key === b.key && a.seq < b.seq);
}
