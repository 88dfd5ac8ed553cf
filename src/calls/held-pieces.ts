/**
 * The beginning of an answer, which is held back until it is clear what it is: for a limited time, and
 * up to a number of bytes and of pieces.
 */
import { joinedBytes } from '../http/joined-bytes.ts';
import type { Piece, PieceSource } from './piece-source.ts';

/**
 * What an answer begins with is held back for so long, ms, and up to so many bytes: a client that
 * waits for the first event of a slow answer gets it.
 */
const HELD_MS = 500;
export const HELD_BYTES = 65_536;
const HELD_PIECES = 64;

/** Pieces that are held back, for a limited time from the first that counts. */
export class HeldPieces {
  readonly #source: PieceSource;
  readonly #parts: Uint8Array[] = [];
  #decoder: TextDecoder | undefined;
  #text = '';
  /** Pieces whose text is taken. */
  #read = 0;
  /** Until when pieces are held back, epoch ms. */
  #until: number | undefined;
  length = 0;

  constructor(source: PieceSource) {
    this.#source = source;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  /** More is not held; nor are more pieces, each of which is searched with those before. */
  get isFull(): boolean {
    return this.length > HELD_BYTES || this.#parts.length > HELD_PIECES;
  }

  get bytes(): Uint8Array {
    return joinedBytes(this.#parts);
  }

  /** The text of the pieces; ask after each. */
  get text(): string {
    const last = this.#parts.at(-1);
    if (last && this.#read < this.#parts.length) {
      this.#decoder ??= new TextDecoder();
      this.#text += this.#decoder.decode(last, { stream: true });
      this.#read = this.#parts.length;
    }
    return this.#text;
  }

  /** The next piece; where it is timed, undefined if it does not come in time. */
  next(isTimed: boolean): Promise<Piece | undefined> {
    if (!isTimed) return this.#source.next();
    this.#until ??= Date.now() + HELD_MS;
    // The least of both: a clock may go back.
    return this.#source.nextWithin(Math.min(HELD_MS, this.#until - Date.now()));
  }
}
