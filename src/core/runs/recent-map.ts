import { type Listed, RecencyList } from './recency-list.ts';

interface Entry<Value> extends Listed<Entry<Value>> {
  readonly key: string;
  value: Value;
}

/**
 * A map with a maximum number of entries; the least recently set one is dropped. Used for keys that
 * clients can invent, which must be bounded. Reading an entry does not renew it.
 */
export class RecentMap<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #order = new RecencyList<Entry<Value>>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: Value): void {
    const known = this.#entries.get(key);
    if (known) {
      known.value = value;
      this.#order.renew(known);
      return;
    }
    const entry: Entry<Value> = { key, value, older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    this.#order.push(entry);
    const { oldest } = this.#order;
    if (oldest && this.#entries.size > this.#limit) this.delete(oldest.key);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#order.remove(entry);
  }

  /** From the least recently set one on. */
  *entries(): Generator<[string, Value]> {
    for (const { key, value } of this.#order) yield [key, value];
  }

  *values(): Generator<Value> {
    for (const { value } of this.#order) yield value;
  }
}
