/**
 * Blocks of prompts that an emulated engine holds: as vLLM and SGLang drop theirs, the least recently
 * used go first, and of a prompt its end goes before its beginning.
 */
export class BlockCache<Key> {
  readonly #capacity: number;
  /** The least recently used first. */
  readonly #blocks = new Set<Key>();

  /** `capacity`: the number of blocks that fit. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Number of a prompt's first blocks that it holds, `most` at most. */
  hit(keys: readonly Key[], most: number): number {
    let hit = 0;
    for (const key of keys) {
      if (hit >= most || !this.#blocks.has(key)) break;
      hit += 1;
    }
    return hit;
  }

  /** A prompt is read or was used: its blocks are kept, others may go. */
  touch(keys: readonly Key[]): void {
    for (const key of keys.toReversed()) {
      this.#blocks.delete(key);
      this.#blocks.add(key);
    }
    if (this.#blocks.size <= this.#capacity) return;
    for (const key of this.#blocks) {
      this.#blocks.delete(key);
      if (this.#blocks.size <= this.#capacity) break;
    }
  }

  /** The engine was started anew. */
  clear(): void {
    this.#blocks.clear();
  }
}
