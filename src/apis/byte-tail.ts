/**
 * Keeps the last bytes of what arrives in pieces. They are moved only when twice as many are there,
 * so that the work stays linear in the bytes however small the pieces are. Nothing is decoded before
 * the end is asked for.
 */
export class ByteTail {
  readonly #most: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** `most`: bytes that are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  push(bytes: Uint8Array): void {
    // Of a long piece only the end can be needed.
    const piece = bytes.length > this.#most ? bytes.subarray(-this.#most) : bytes;
    if (this.#length + piece.length > this.#buffer.length) this.#makeRoom(piece.length);
    this.#buffer.set(piece, this.#length);
    this.#length += piece.length;
  }

  /** The bytes that are kept. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(Math.max(0, this.#length - this.#most), this.#length);
  }

  #makeRoom(more: number): void {
    const kept = this.bytes;
    const wanted = Math.max(kept.length + more, 2 * this.#buffer.length);
    const size = Math.min(2 * this.#most, wanted);
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(size);
      grown.set(kept);
      this.#buffer = grown;
    } else this.#buffer.copyWithin(0, this.#length - kept.length, this.#length);
    this.#length = kept.length;
  }
}
