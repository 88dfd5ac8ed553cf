/**
 * Reads a stream of bytes in few and large pieces, where it can be read into buffers: each read costs
 * more than what is in a small piece. How fast a body must arrive is in `paced-reader.ts`.
 */

/** Size of the first buffer, bytes: buffers grow and shrink with what arrives. */
const FIRST_BUFFER_BYTES = 4_096;
/** The largest buffer. */
export const MOST_BUFFER_BYTES = 131_072;

export interface ByteSource {
  /** True where a read can be given a buffer. */
  readonly fillsBuffers: boolean;
  /** The next piece. A buffer that was given can no longer be used: the piece is its beginning. */
  read(buffer?: Uint8Array<ArrayBuffer>): Promise<{
    readonly done: boolean;
    readonly value?: Uint8Array<ArrayBuffer> | undefined;
  }>;
  cancel(reason?: unknown): Promise<void>;
}

/** `isKept`: pieces are collected, so a few bytes must not hold a large buffer. */
export function byteSource(body: ReadableStream<Uint8Array>, isKept: boolean): ByteSource {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    const plain = body.getReader() as ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
    return {
      fillsBuffers: false,
      read: () => plain.read(),
      cancel: (reason) => plain.cancel(reason),
    };
  }
  let size = FIRST_BUFFER_BYTES;
  return {
    fillsBuffers: true,
    read: async (buffer) => {
      const given = buffer?.length ?? size;
      const { done, value } = await reader.read(buffer ?? new Uint8Array(given));
      if (done || value === undefined) return { done: true };
      if (buffer) return { done, value };
      if (value.length === given) size = Math.min(2 * size, MOST_BUFFER_BYTES);
      else if (value.length < given / 4) size = Math.max(size / 2, FIRST_BUFFER_BYTES);
      return { done, value: isKept && value.length < given / 2 ? value.slice() : value };
    },
    cancel: (reason) => reader.cancel(reason),
  };
}
