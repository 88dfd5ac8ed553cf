/**
 * Reads an answer piece by piece through one buffer. A piece is valid until the next one is asked for,
 * unless it is kept. How an answer is read into buffers is in `http/byte-source.ts`.
 */
import { byteSource, GrowingBuffer } from '../http/byte-source.ts';

type Bytes = Uint8Array<ArrayBuffer>;
export interface Piece {
  readonly done: boolean;
  readonly value?: Bytes | undefined;
}

export class PieceSource {
  readonly #source;
  readonly #buffers = new GrowingBuffer();
  #last: Bytes | undefined;
  /** A read that was not waited for to its end. */
  #pending: Promise<Piece> | undefined;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#source = byteSource(body);
  }

  next(): Promise<Piece> {
    const pending = this.#pending ?? this.#read();
    this.#pending = undefined;
    return pending;
  }

  /** The next piece, if it comes before `over` resolves; otherwise `next` still brings it. */
  async nextBefore(over: Promise<unknown>): Promise<Piece | undefined> {
    const pending = this.#pending ?? this.#read();
    this.#pending = pending;
    // Whoever reads on has the failure too.
    pending.catch(() => {});
    const piece = await Promise.race([pending, over.then(() => undefined)]);
    if (piece) this.#pending = undefined;
    return piece;
  }

  /** The piece that was read is the next one again. */
  putBack(piece: Piece): void {
    this.keep();
    this.#pending = Promise.resolve(piece);
  }

  /** The last piece stays as it is when the next one is read. */
  keep(): void {
    if (this.#last && this.#source.fillsBuffers) this.#buffers.keep(this.#last);
    this.#last = undefined;
  }

  async #read(): Promise<Piece> {
    if (this.#last && this.#source.fillsBuffers) this.#buffers.reuse(this.#last);
    this.#last = undefined;
    const piece = await this.#source.read(this.#buffers.next);
    this.#last = piece.done ? undefined : piece.value;
    return piece;
  }
}
