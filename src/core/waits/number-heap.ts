/**
 * A binary min-heap of numbers that are ordered by another number, without an object for each. Of equal
 * keys the smaller number comes first. Values are integers below 2^31.
 */

/** Room at first; doubled where it is full, and kept when the heap is cleared. */
const FIRST_ROOM = 64;

export class NumberHeap {
  #keys = new Float64Array(FIRST_ROOM);
  #values = new Int32Array(FIRST_ROOM);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The smallest key; Infinity where it is empty. */
  get key(): number {
    return this.#size > 0 ? (this.#keys[0] as number) : Infinity;
  }

  /** The value of the smallest key; -1 where it is empty. */
  get value(): number {
    return this.#size > 0 ? (this.#values[0] as number) : -1;
  }

  clear(): void {
    this.#size = 0;
  }

  push(key: number, value: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    const keys = this.#keys;
    const values = this.#values;
    let at = this.#size;
    this.#size += 1;
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

  /** Removes the smallest and returns its value; -1 where it is empty. */
  pop(): number {
    const first = this.value;
    if (first < 0) return first;
    const keys = this.#keys;
    const values = this.#values;
    const n = this.#size - 1;
    this.#size = n;
    const key = keys[n] as number;
    const value = values[n] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= n) break;
      let least = keys[child] as number;
      const right = child + 1;
      if (right < n) {
        const other = keys[right] as number;
        if (
          other < least ||
          (other === least && (values[right] as number) < (values[child] as number))
        ) {
          child = right;
          least = other;
        }
      }
      if (least > key || (least === key && (values[child] as number) >= value)) break;
      keys[at] = least;
      values[at] = values[child] as number;
      at = child;
    }
    keys[at] = key;
    values[at] = value;
    return first;
  }

  #grow(): void {
    const keys = new Float64Array(2 * this.#size);
    const values = new Int32Array(2 * this.#size);
    keys.set(this.#keys);
    values.set(this.#values);
    this.#keys = keys;
    this.#values = values;
  }
}
