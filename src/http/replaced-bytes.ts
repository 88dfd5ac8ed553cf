/** A piece of bytes, parts of which are replaced or left out while it is read; the rest is not copied twice. */
import { joinedBytes } from './joined-bytes.ts';

/** The bytes of a piece with some replaced. */
export class ReplacedBytes {
  readonly #bytes: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  /** Index up to which the bytes are dealt with. */
  #from = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** What begins at `at` is replaced by `instead`, up to where it resumes. */
  replace(at: number, instead: Uint8Array): void {
    this.skip(at);
    this.#parts.push(instead);
  }

  /** What begins at `at` is left out. */
  skip(at: number): void {
    if (at > this.#from) this.#parts.push(this.#bytes.subarray(this.#from, at));
    this.#from = at;
  }

  /** What begins at `at` is passed on again. */
  resume(at: number): void {
    this.#from = at;
  }

  whole(): Uint8Array {
    if (this.#from === 0 && this.#parts.length === 0) return this.#bytes;
    return joinedBytes([...this.#parts, this.#bytes.subarray(this.#from)]);
  }
}
