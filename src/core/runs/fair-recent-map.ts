import { type Listed, RecencyList } from './recency-list.ts';

interface Entry<Value> extends Listed<Entry<Value>> {
  readonly key: string;
  readonly owner: Owner<Value>;
  value: Value;
}

interface Owner<Value> extends Listed<Owner<Value>> {
  readonly name: string;
  readonly entries: RecencyList<Entry<Value>>;
  count: number;
}

/**
 * A map with a maximum number of entries, whose room is shared by owners (API keys): where it is
 * full, the owner with the most entries loses its least recently set one. So no owner can make the
 * entries of another be forgotten. Reading an entry does not renew it. Each step takes the same time
 * however many entries and owners there are.
 */
export class FairRecentMap<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #owners = new Map<string, Owner<Value>>();
  /** Owners by their number of entries. */
  readonly #withCount = new Map<number, RecencyList<Owner<Value>>>();
  /** Most entries that an owner has. */
  #most = 0;
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

  set(key: string, value: Value, owner: string): void {
    const known = this.#entries.get(key);
    if (known?.owner.name === owner) {
      known.value = value;
      known.owner.entries.renew(known);
      return;
    }
    if (known) this.#remove(known);
    const of = this.#owners.get(owner) ?? this.#newOwner(owner);
    const entry: Entry<Value> = { key, value, owner: of, older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    of.entries.push(entry);
    this.#count(of, of.count + 1);
    if (this.#entries.size > this.#limit) this.#makeRoom();
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) this.#remove(entry);
  }

  #newOwner(name: string): Owner<Value> {
    const entries = new RecencyList<Entry<Value>>();
    const owner: Owner<Value> = { name, entries, count: 0, older: undefined, newer: undefined };
    this.#owners.set(name, owner);
    return owner;
  }

  #remove(entry: Entry<Value>): void {
    const { key, owner } = entry;
    this.#entries.delete(key);
    owner.entries.remove(entry);
    this.#count(owner, owner.count - 1);
    if (owner.count === 0) this.#owners.delete(owner.name);
  }

  /** An owner has one entry more or less than before. */
  #count(owner: Owner<Value>, count: number): void {
    const before = this.#withCount.get(owner.count);
    before?.remove(owner);
    if (before?.isEmpty) {
      this.#withCount.delete(owner.count);
      if (this.#most === owner.count) this.#most = count;
    }
    owner.count = count;
    this.#most = Math.max(this.#most, count);
    if (count === 0) return;
    const now = this.#withCount.get(count) ?? new RecencyList<Owner<Value>>();
    now.push(owner);
    this.#withCount.set(count, now);
  }

  #makeRoom(): void {
    const oldest = this.#withCount.get(this.#most)?.oldest?.entries.oldest;
    if (oldest) this.#remove(oldest);
  }
}
