/**
 * A map with a maximum number of entries, whose room is shared by owners (API keys): where it is
 * full, the owner with the most entries loses its least recently set one. So no owner can make the
 * entries of another be forgotten. Reading an entry does not renew it.
 */
export class FairRecentMap<Value> {
  readonly #entries = new Map<string, { readonly owner: string; readonly value: Value }>();
  /** Keys of each owner, the least recently set first. */
  readonly #keysOf = new Map<string, Set<string>>();
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
    this.delete(key);
    this.#entries.set(key, { owner, value });
    const keys = this.#keysOf.get(owner);
    if (keys) keys.add(key);
    else this.#keysOf.set(owner, new Set([key]));
    if (this.#entries.size > this.#limit) this.#makeRoom();
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    const keys = this.#keysOf.get(entry.owner);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysOf.delete(entry.owner);
  }

  #makeRoom(): void {
    let most: Set<string> | undefined;
    for (const keys of this.#keysOf.values()) if (keys.size > (most?.size ?? 0)) most = keys;
    const [oldest] = most ?? [];
    if (oldest !== undefined) this.delete(oldest);
  }
}
