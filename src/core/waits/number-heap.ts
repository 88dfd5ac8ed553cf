/**
 * A binary min-heap of numbers that are ordered by another number, without an object for each. Of equal
 * keys the smaller number comes first.
 */

export class NumberHeap {
  readonly #keys: number[] = [];
  readonly #values: number[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** The smallest key; Infinity where it is empty. */
  get key(): number {
    return this.#keys[0] ?? Infinity;
  }

  /** The value of the smallest key; -1 where it is empty. */
  get value(): number {
    return this.#values[0] ?? -1;
  }

  push(key: number, value: number): void {
    const [keys, values] = [this.#keys, this.#values];
    let at = keys.length;
    keys.push(key);
    values.push(value);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = keys[parent] as number;
      if (above < key || (above === key && (values[parent] as number) <= value)) break;
      keys[at] = above;
      values[at] = values[parent] as number;
      at = parent;
    }
    keys[at] = key;
    values[at] = value;
  }

  /** Removes the smallest and returns its value. */
  pop(): number {
    const [keys, values] = [this.#keys, this.#values];
    const first = this.value;
    const key = keys.pop() as number;
    const value = values.pop() as number;
    const n = keys.length;
    if (n === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= n) break;
      if (
        child + 1 < n &&
        this.#isBefore(child + 1, keys[child] as number, values[child] as number)
      ) {
        child += 1;
      }
      if (!this.#isBefore(child, key, value)) break;
      keys[at] = keys[child] as number;
      values[at] = values[child] as number;
      at = child;
    }
    keys[at] = key;
    values[at] = value;
    return first;
  }

  #isBefore(at: number, key: number, value: number): boolean {
    const own = this.#keys[at] as number;
    return own < key || (own === key && (this.#values[at] as number) < value);
  }
}
