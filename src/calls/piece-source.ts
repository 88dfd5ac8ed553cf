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

  /** The next piece, if it comes within so many ms; otherwise `next` still brings it. */
  nextWithin(ms: number): Promise<Piece | undefined> {
    const pending = this.#pending ?? this.#read();
    this.#pending = pending;
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        resolve(undefined);
      }, ms);
      const arrived = () => {
        clearTimeout(timer);
        // Who came too late for this is asked for again.
        if (!isLate) this.#pending = undefined;
      };
      pending.then(
        (piece) => {
          arrived();
          resolve(piece);
        },
        (error) => {
          arrived();
          reject(error);
        },
      );
    });
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

  #read(): Promise<Piece> {
    if (this.#last && this.#source.fillsBuffers) this.#buffers.reuse(this.#last);
    this.#last = undefined;
    return this.#source.read(this.#buffers.next).then(this.#remember);
  }

  readonly #remember = (piece: Piece): Piece => {
    this.#last = piece.done ? undefined : piece.value;
    return piece;
  };
}
