/**
 * Reads a request's body into memory up to a limit and at a pace; a longer one is refused before it
 * is held. A compressed body is decoded, and the limit holds for what it decodes to. Bodies that are
 * relayed instead are in `upload.ts`, bodies read line by line in `body-lines.ts`.
 */
import { codingsOf } from './content-coding.ts';
import { type BodyReader, DecodedBody } from './decoded-body.ts';
import { failure, type Outcome, wrongInput } from './errors.ts';
import type { Hand } from './in-hand.ts';
import { type Pace, PacedReader, USUAL_PACE } from './paced-reader.ts';

export interface ReadRules {
  /** The body is passed on in the encoding in which it came. */
  readonly keepsEncoding?: boolean;
  readonly maxBytes: number;
  readonly pace?: Pace;
  /** Counts the bytes that are held; its owner releases it. */
  readonly hand?: Hand;
}

/**
 * Errors: `request_too_large`, `request_timeout`, `unsupported_encoding`, `invalid_request_error` where
 * the client broke off or the body cannot be decoded, and those of `hand`.
 */
export async function readBody(
  request: Request,
  { maxBytes, pace = USUAL_PACE, hand, keepsEncoding = false }: ReadRules,
): Promise<Outcome<{ bytes: Uint8Array<ArrayBuffer> }>> {
  const tooLarge = () =>
    failure('request_too_large', { message: `The body may have ${maxBytes} bytes at most.` });
  const length = Number(request.headers.get('content-length') ?? 0);
  if (!request.body) {
    return length > maxBytes ? tooLarge() : { ok: true, bytes: new Uint8Array(0) };
  }
  const arriving = new PacedReader(request.body, pace);
  const encoded = keepsEncoding ? undefined : codingsOf(request.headers);
  if (encoded?.ok === false) {
    await arriving.discard();
    return encoded;
  }
  const codings = encoded?.codings ?? [];
  const reader: BodyReader =
    codings.length > 0 ? new DecodedBody(arriving, codings, maxBytes) : arriving;
  if (length > maxBytes) {
    await reader.discard();
    return tooLarge();
  }
  // What a body decodes to has another length.
  const whole = codings.length === 0 && length > 0 ? length : Infinity;
  const read = await collected(reader, new HeldBytes(reader.fillsBuffers ? length : 0), {
    roomFor: (bytes) => (reader.bytes > maxBytes ? tooLarge() : hand?.grow(bytes)),
    whole,
  });
  if (read.ok) arriving.stop();
  return read;
}

interface CollectRules {
  /** The error where so many more bytes cannot be held. */
  readonly roomFor: (bytes: number) => ReturnType<typeof failure> | undefined;
  /** Bytes after which nothing follows: the end needs no further read, an entry into the isolate. */
  readonly whole: number;
}

async function collected(
  reader: BodyReader,
  held: HeldBytes,
  { roomFor, whole }: CollectRules,
): Promise<Outcome<{ bytes: Uint8Array<ArrayBuffer> }>> {
  for (;;) {
    const refused = roomFor(held.enlarge());
    if (refused) {
      await reader.discard();
      return refused;
    }
    if (reader.bytes === whole) return { ok: true, bytes: held.whole() };
    const piece = await reader.read(held.free);
    if (piece.status === 'failed') return { ok: false, error: piece.error };
    if (piece.status === 'end') return { ok: true, bytes: held.whole() };
    held.add(piece.bytes);
  }
}

/**
 * Reads and drops a body that is refused before any of it is needed: a client that still sends would
 * find its connection closed and never read the answer.
 */
export async function discardBody({ body }: Request): Promise<void> {
  if (body) await new PacedReader(body, USUAL_PACE).discard();
}

/** A body of known length is read into one buffer once this part of it has arrived. */
export const ARRIVED_PART = 1 / 8;
/** A shorter one at once: the buffer of a piece is no smaller. */
const AT_ONCE_BYTES = 4_096;

/**
 * Bytes that arrive: in pieces, and in one buffer once enough of a known length is there. So memory
 * is taken for what arrives and not for what is announced, and most of it only once.
 */
class HeldBytes {
  readonly #length: number;
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #at = 0;
  /** Bytes that were counted already. */
  #counted = 0;

  /** `length`: of the whole, 0 where it is not known. */
  constructor(length: number) {
    this.#length = length;
  }

  /** Takes the buffer where it is time to; returns the bytes that are held since the last call. */
  enlarge(): number {
    const enough = this.#length <= AT_ONCE_BYTES ? 0 : this.#length * ARRIVED_PART;
    if (this.#at >= enough && !this.#buffer && this.#at < this.#length) {
      this.#buffer = new Uint8Array(this.#length);
      joinInto(this.#buffer, this.#pieces);
      this.#pieces = [];
    }
    const held = this.#buffer ? this.#length : this.#at;
    const more = held - this.#counted;
    this.#counted = held;
    return more;
  }

  /** The part of the buffer that is to be filled next. */
  get free(): Uint8Array<ArrayBuffer> | undefined {
    const free = this.#buffer?.subarray(this.#at);
    return free && free.length > 0 ? free : undefined;
  }

  add(piece: Uint8Array<ArrayBuffer>): void {
    if (this.#buffer && this.#at < this.#length) this.#buffer = new Uint8Array(piece.buffer);
    else this.#pieces.push(piece);
    this.#at += piece.length;
  }

  whole(): Uint8Array<ArrayBuffer> {
    const inBuffer = this.#buffer?.subarray(0, this.#at);
    if (inBuffer && this.#pieces.length === 0) return inBuffer;
    const [first, ...others] = this.#pieces;
    if (first && !inBuffer && others.length === 0) return first;
    const whole = new Uint8Array(this.#at);
    joinInto(whole, inBuffer ? [inBuffer, ...this.#pieces] : this.#pieces);
    return whole;
  }
}

function joinInto(whole: Uint8Array, parts: readonly Uint8Array[]): void {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
}

/** Reads a body that must be UTF-8 text. */
export async function readText(
  request: Request,
  rules: ReadRules,
): Promise<Outcome<{ text: string }>> {
  const body = await readBody(request, rules);
  if (!body.ok) return body;
  return textOf(body.bytes);
}

/** The text of a body; the error of one that is no UTF-8. */
export function textOf(bytes: Uint8Array): Outcome<{ text: string }> {
  try {
    return {
      ok: true,
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
    };
  } catch {
    return wrongInput({ message: 'The body is not valid UTF-8.' });
  }
}
