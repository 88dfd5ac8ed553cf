/**
 * What is kept of an event whose end has not arrived: all of it, or the beginning and the end of one
 * that is too long.
 */
import { ByteTail } from '../byte-tail.ts';
import { latinText } from '../latin-text.ts';

const EMPTY = new Uint8Array(0);
/** The first buffer: events of tokens have some 200 bytes. */
const FIRST_BYTES = 1_024;
/** How much of the beginning and of the end of a long event is read. */
const HEAD_BYTES = 1_024;
const TAIL_BYTES = 16_384;

/** Bytes that arrived in pieces, in one buffer, since pieces may be single bytes. */
export class HeldBytes {
  #buffer: Uint8Array = EMPTY;
  length = 0;

  push(piece: Uint8Array): void {
    const length = this.length + piece.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length, FIRST_BYTES));
      grown.set(this.#buffer.subarray(0, this.length));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.length);
    this.length = length;
  }

  /** Returns all bytes, and holds none any more. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.length);
    this.#buffer = EMPTY;
    this.length = 0;
    return bytes;
  }
}

/** The beginning and the end of an event that is not kept whole. */
export class LongEvent {
  #head = '';
  readonly #tail = new ByteTail(TAIL_BYTES);

  push(bytes: Uint8Array): void {
    const room = Math.max(0, HEAD_BYTES - this.#head.length);
    if (room > 0) this.#head += latinText(bytes.subarray(0, room));
    this.#tail.push(bytes.subarray(room));
  }

  get head(): string {
    return this.#head;
  }

  get text(): string {
    return this.#head + latinText(this.#tail.bytes);
  }
}
