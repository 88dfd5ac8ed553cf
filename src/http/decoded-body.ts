/**
 * Decodes a compressed body as it arrives. What comes out is bounded at every stage, so that a few
 * bytes that stand for gigabytes are refused once the limit is reached, and are never held. The names
 * of codings are in `content-coding.ts`.
 */
import * as zlib from 'node:zlib';
import type { Coding } from './content-coding.ts';
import { type ApiError, failure, wrongInput } from './errors.ts';
import type { PacedReader, Piece } from './paced-reader.ts';

/** Size of the pieces that come out, bytes. */
const CHUNK_BYTES = 65_536;
/** Largest window of zstd, log2 of bytes: 8 MB, the most that HTTP allows (RFC 9659). */
const ZSTD_WINDOW_LOG = 23;

/** Most frames of zstd that begin in the middle of what arrives: each needs a decoder of its own. */
const MAX_FRAMES = 64;

/** A body that is read piece by piece; after `end` and `failed` there is no other piece. */
export interface BodyReader {
  /** Bytes that have been read. */
  readonly bytes: number;
  /** True where a body can be read into a buffer of its reader's. */
  readonly fillsBuffers: boolean;
  read(buffer?: Uint8Array<ArrayBuffer>): Promise<Piece>;
  /** Reads and drops the rest of a body that is refused. */
  discard(): Promise<void>;
}

/** The part of a stream of `node:zlib` that is used. */
export interface Decoder extends AsyncIterable<Uint8Array> {
  /** Bytes that were taken of what was written. */
  readonly bytesWritten: number;
  write(bytes: Uint8Array, onTaken: () => void): boolean;
  end(): void;
  destroy(error?: Error): void;
  once(event: 'close', act: () => void): void;
  on(event: 'error', act: (error: Error) => void): void;
}

export class DecodedBody implements BodyReader {
  readonly fillsBuffers = false;
  bytes = 0;
  readonly #reader: PacedReader;
  readonly #pieces: AsyncIterator<Uint8Array>;

  /** `codings` in the order in which they were applied. No stage may yield more than `maxBytes`. */
  constructor(reader: PacedReader, codings: readonly Coding[], maxBytes: number) {
    this.#reader = reader;
    let pieces = received(reader, maxBytes);
    for (const coding of codings.toReversed()) pieces = decoded(pieces, coding, maxBytes);
    this.#pieces = pieces;
  }

  async read(): Promise<Piece> {
    try {
      const { done, value } = await this.#pieces.next();
      if (done) return { status: 'end' };
      this.bytes += value.length;
      return { status: 'piece', bytes: value as Uint8Array<ArrayBuffer> };
    } catch (error) {
      if (!(error instanceof BodyFailed)) throw error;
      await this.#reader.discard();
      return { status: 'failed', error: error.error };
    }
  }

  async discard(): Promise<void> {
    await this.#pieces.return?.();
    await this.#reader.discard();
  }
}

/** Carries an expected failure out of the generators. */
class BodyFailed extends Error {
  readonly error: ApiError;

  constructor(error: ApiError) {
    super(error.code);
    this.error = error;
  }
}

/** The bytes as they come. Those may not be more either: codings can stand for nothing, too. */
async function* received(reader: PacedReader, maxBytes: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = await reader.read();
    if (piece.status === 'failed') throw new BodyFailed(piece.error);
    if (piece.status === 'end') return;
    if (reader.bytes > maxBytes) throw new BodyFailed(tooLarge(maxBytes).error);
    yield piece.bytes;
  }
}

async function* decoded(
  source: AsyncGenerator<Uint8Array>,
  coding: Coding,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  const { value: first } = await source.next();
  let bytes = 0;
  let rest: Uint8Array | undefined = first;
  // Nothing at all is an empty body in any coding.
  for (let frame = 1; rest !== undefined; frame += 1) {
    const decoder = decoderOf(coding, rest);
    const feeding = feed(decoder, rest, source);
    try {
      for await (const piece of decoder) {
        bytes += piece.length;
        if (bytes > maxBytes) throw new BodyFailed(tooLarge(maxBytes).error);
        yield piece;
      }
    } catch (error) {
      if (error instanceof BodyFailed) throw error;
      const { failure: ofSource } = await feeding;
      throw ofSource ?? notValid(coding);
    } finally {
      decoder.destroy();
    }
    ({ rest } = await feeding);
    if (rest !== undefined && (coding !== 'zstd' || frame >= MAX_FRAMES)) throw notValid(coding);
  }
}

/** How a decoder was fed. */
interface Fed {
  /** What the decoder did not take, since what it decodes has ended. */
  readonly rest?: Uint8Array | undefined;
  /** The source failed. */
  readonly failure?: unknown;
}

/** Writes the source into the decoder, no faster than it decodes. */
async function feed(
  decoder: Decoder,
  first: Uint8Array,
  source: AsyncGenerator<Uint8Array>,
): Promise<Fed> {
  const closed = Promise.withResolvers<void>();
  decoder.once('close', closed.resolve);
  decoder.on('error', () => closed.resolve());
  try {
    for (let piece = first; ; ) {
      const before = decoder.bytesWritten;
      const taken = new Promise<void>((resolve) => decoder.write(piece, () => resolve()));
      await Promise.race([taken, closed.promise]);
      const rest = piece.subarray(decoder.bytesWritten - before);
      if (rest.length > 0) return { rest };
      const next = await source.next();
      if (next.done) break;
      piece = next.value;
    }
    decoder.end();
    return {};
  } catch (error) {
    decoder.destroy(error as Error);
    return { failure: error };
  }
}

function decoderOf(coding: Coding, first: Uint8Array): Decoder {
  const options = { chunkSize: CHUNK_BYTES };
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip(options);
    case 'br':
      return zlib.createBrotliDecompress(options);
    case 'zstd': {
      const params = { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
      return zlib.createZstdDecompress({ ...options, params });
    }
    case 'deflate':
      // Some clients send the deflated bytes alone.
      return hasZlibHeader(first) ? zlib.createInflate(options) : zlib.createInflateRaw(options);
  }
}

/** True where the bytes begin as RFC 1950 says. */
function hasZlibHeader([first = 0, second]: Uint8Array): boolean {
  if ((first & 0x0f) !== 8 || first >> 4 > 7) return false;
  return second === undefined || (first * 256 + second) % 31 === 0;
}

function notValid(coding: Coding): BodyFailed {
  const message = `The body is not valid ${coding}, as its Content-Encoding says.`;
  const param = 'content-encoding';
  return new BodyFailed(wrongInput({ param, message }).error);
}

function tooLarge(maxBytes: number) {
  const message = `The body may have ${maxBytes} bytes at most, decoded.`;
  return failure('request_too_large', { message });
}
