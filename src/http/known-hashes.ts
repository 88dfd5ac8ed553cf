/**
 * SHA-256 of texts that come with call after call, such as an API key or a system prompt: a digest
 * and its hex digits took 4 % of a call, finding them again takes nothing. Bounded; the oldest is dropped.
 * Whoever measures how long a lookup takes learns nothing of a key: it is found by the hash of the
 * whole text, not by comparing its beginning.
 */
import { sha256Hex } from './sha256.ts';

export interface HashBounds {
  readonly most: number;
  /** A longer text is not kept. */
  readonly maxChars: number;
}

export class KnownHashes {
  readonly #bounds: HashBounds;
  readonly #known = new Map<string, string>();

  constructor(bounds: HashBounds) {
    this.#bounds = bounds;
  }

  /** The hash in lower-case hex; it is not kept unless `keep` is called. */
  async of(text: string): Promise<string> {
    return this.#known.get(text) ?? sha256Hex(text);
  }

  keep(text: string, hash: string): void {
    const known = this.#known;
    if (text.length > this.#bounds.maxChars || known.has(text)) return;
    known.set(text, hash);
    if (known.size <= this.#bounds.most) return;
    const [oldest] = known.keys();
    if (oldest !== undefined) known.delete(oldest);
  }
}
