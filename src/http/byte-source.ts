/**
 * Reads a stream of bytes in few and large pieces, where it can be read into buffers: each read costs
 * more than what is in a small piece. How fast a body must arrive is in `paced-reader.ts`.
 */

/** Size of the first buffer, bytes: buffers grow with what arrives. */
const FIRST_BUFFER_BYTES = 4_096;
/** The largest buffer. */
export const MOST_BUFFER_BYTES = 131_072;

type Bytes = Uint8Array<ArrayBuffer>;

export interface ByteSource {
  /** True where a read fills the buffer that it is given. */
  readonly fillsBuffers: boolean;
  /** The next piece. A buffer that was filled can no longer be used: the piece is its beginning. */
  read(buffer: Bytes): Promise<{ readonly done: boolean; readonly value?: Bytes | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

export function byteSource(body: ReadableStream<Uint8Array>): ByteSource {
  try {
    const reader = body.getReader({ mode: 'byob' });
    return {
      fillsBuffers: true,
      // At the end the value is an empty piece, or none.
      read: (buffer) => reader.read(buffer),
      cancel: (reason) => reader.cancel(reason),
    };
  } catch {
    const reader = body.getReader() as ReadableStreamDefaultReader<Bytes>;
    return {
      fillsBuffers: false,
      read: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
    };
  }
}

/** The buffer for the next read. It grows where reads fill it, and is used again where it may be. */
export class GrowingBuffer {
  #bytes = FIRST_BUFFER_BYTES;
  #buffer: Bytes | undefined;

  get next(): Bytes {
    this.#buffer ??= new Uint8Array(this.#bytes);
    return this.#buffer;
  }

  /** The piece that was read into the buffer is kept: the next one needs another. */
  keep(piece: Bytes): void {
    this.#grow(piece);
    this.#buffer = undefined;
  }

  /** Nobody needs the piece that was read into the buffer any longer. */
  reuse(piece: Bytes): void {
    const isSame = !this.#grow(piece);
    this.#buffer = isSame ? new Uint8Array(piece.buffer) : undefined;
  }

  #grow({ length }: Bytes): boolean {
    if (length < this.#bytes || this.#bytes >= MOST_BUFFER_BYTES) return false;
    this.#bytes = Math.min(2 * this.#bytes, MOST_BUFFER_BYTES);
    return true;
  }
}
