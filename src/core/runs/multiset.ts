/** A set that counts how often each name is in it. */
export class Multiset {
  /** Made with the first name: each run has several sets, most of which stay empty. */
  #counts: Map<string, number> | undefined;

  add(name: string): void {
    this.#counts ??= new Map();
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Takes a name out once; does nothing where it is not in the set. */
  remove(name: string): void {
    const count = this.count(name);
    if (count > 1) this.#counts?.set(name, count - 1);
    else this.#counts?.delete(name);
  }

  has(name: string): boolean {
    return this.#counts?.has(name) ?? false;
  }

  /** How often a name is in the set. */
  count(name: string): number {
    return this.#counts?.get(name) ?? 0;
  }
}
