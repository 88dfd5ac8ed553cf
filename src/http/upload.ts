/**
 * A request body that is relayed as it arrives instead of being held until there is a slot: for
 * tools, whose bodies may be long, or arrive piece by piece while the answer does. It can be sent
 * only once, so such a call is neither retried nor replayed. Bodies that are held are read in
 * `read-body.ts`; uploads of files are in `jobs/file-upload.ts`.
 */
import type { ApiError } from './errors.ts';
import { type Pace, PacedReader, type Piece } from './paced-reader.ts';

/** Largest body of known length that is held instead, bytes. */
const MAX_HELD_BYTES = 1_000_000;
/** Part of a body that must be there before a slot is asked for, bytes. */
const AHEAD_BYTES = 65_536;
/** A body without a length may be a conversation: its next piece is awaited for this time, ms. */
const AHEAD_MS = 200;

export class Upload {
  /** Why the body failed; the client is at fault, not the endpoint. */
  failure: ApiError | undefined;
  /** Called for each piece that is relayed. */
  onPiece: () => void = () => {};
  /** Called once the body has failed: the request must be aborted. */
  onFailure: () => void = () => {};
  readonly #reader: PacedReader;
  readonly #length: number | undefined;
  readonly #maxBytes: number;
  /** What has arrived and was not relayed yet, in order. */
  readonly #ahead: Piece[] = [];
  /** The read that waits for the client. */
  #reading: Promise<Piece> | undefined;

  /** `length` in bytes where it is known. A body longer than `maxBytes` fails. */
  constructor(
    body: ReadableStream<Uint8Array>,
    rules: { readonly length?: number | undefined; readonly maxBytes: number; readonly pace: Pace },
  ) {
    this.#reader = new PacedReader(body, rules.pace);
    this.#length = rules.length;
    this.#maxBytes = rules.maxBytes;
  }

  /** The body to send, once. */
  relay(): ReadableStream<Uint8Array> {
    const relayed = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          const piece = this.#ahead.shift() ?? (await this.#taken());
          if (piece.status === 'end') return sink.close();
          if (piece.status === 'failed') return this.#fail(piece.error);
          this.onPiece();
          sink.enqueue(piece.bytes);
        },
        cancel: (reason) => this.#reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    // A known length is passed on to the endpoint, as the client stated it.
    const length = this.#length;
    return length === undefined ? relayed : relayed.pipeThrough(new FixedLengthStream(length));
  }

  /**
   * Waits until enough has arrived for a slot to be asked for; returns the error where the body has
   * failed before that.
   */
  async begun(): Promise<ApiError | undefined> {
    while (this.#reader.bytes < AHEAD_BYTES) {
      const piece = await this.#soon(this.#next());
      if (piece === undefined) {
        // Until there is a slot, nobody waits for the client.
        this.#reader.pause();
        return undefined;
      }
      this.#reading = undefined;
      if (piece.status === 'failed') return piece.error;
      this.#ahead.push(piece);
      if (piece.status === 'end') return undefined;
    }
    return undefined;
  }

  /** The endpoint answers: from now on it says how long the exchange may last. */
  answered(): void {
    this.#reader.stop();
  }

  /** Drops the body, which is refused. */
  discard(): Promise<void> {
    return this.#reader.discard();
  }

  async #taken(): Promise<Piece> {
    const piece = await this.#next();
    this.#reading = undefined;
    return piece;
  }

  /** The next piece, which is still the next one until `#reading` is set back. */
  #next(): Promise<Piece> {
    this.#reader.resume();
    this.#reading ??= this.#read();
    return this.#reading;
  }

  async #read(): Promise<Piece> {
    const piece = await this.#reader.read();
    if (piece.status !== 'piece' || this.#reader.bytes <= this.#maxBytes) return piece;
    const message = `The body may have ${this.#maxBytes} bytes at most.`;
    return { status: 'failed', error: { code: 'request_too_large', message } };
  }

  /** The next piece; undefined where a body without a length has none yet. */
  async #soon(next: Promise<Piece>): Promise<Piece | undefined> {
    if (this.#length !== undefined) return next;
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), AHEAD_MS);
    const piece = await Promise.race([next, late.promise]);
    clearTimeout(timer);
    return piece;
  }

  /** Never resolves: the runtime would turn a stream that fails into a body that looks complete. */
  #fail(error: ApiError): Promise<never> {
    this.failure = error;
    this.onFailure();
    return new Promise(() => {});
  }
}

/**
 * The body to relay; undefined where it is short, absent or too long, or where the whole must be
 * known for an idempotency key.
 */
export function uploadOf(
  request: Request,
  rules: { readonly maxBytes: number; readonly pace: Pace },
): Upload | undefined {
  const { body, headers, method } = request;
  if (!body || method === 'GET' || method === 'HEAD' || headers.has('idempotency-key')) {
    return undefined;
  }
  const contentLength = headers.get('content-length');
  const length = contentLength === null ? undefined : Number(contentLength);
  if (length !== undefined && (length <= MAX_HELD_BYTES || length > rules.maxBytes)) {
    return undefined;
  }
  return new Upload(body, { ...rules, length });
}
