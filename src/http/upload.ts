/**
 * A request's body that is relayed as it comes, instead of being held until there is a slot: for
 * tools, whose bodies may be long, or come piece by piece while the answer does. It can be sent once
 * only, so such a call is neither repeated nor replayed.
 */
import type { ApiError } from './errors.ts';

/** A body of known length up to this is held, bytes. */
const MAX_HELD_BYTES = 1_000_000;

export class Upload {
  readonly body: ReadableStream<Uint8Array>;
  /** Why it came to no good end: the client's doing, not the endpoint's. */
  failure: ApiError | undefined;
  /** Called for each piece that passes. */
  onPiece: () => void = () => {};
  /** Called once it has failed: the request has to be aborted. */
  onFailure: () => void = () => {};

  /** `length` where it is known; what is longer than `maxBytes` breaks off. */
  constructor(body: ReadableStream<Uint8Array>, length: number | undefined, maxBytes: number) {
    const reader = body.getReader();
    let passed = 0;
    const relayed = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          const piece = await reader.read().catch(() => undefined);
          if (!piece) return this.#fail('invalid_request_error', 'The body broke off.');
          if (piece.done) return sink.close();
          this.onPiece();
          passed += piece.value.length;
          if (passed <= maxBytes) return sink.enqueue(piece.value);
          return this.#fail('request_too_large', `The body may have ${maxBytes} bytes at most.`);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    // With its length known, the endpoint is told it, as the client told it us.
    this.body = length === undefined ? relayed : relayed.pipeThrough(new FixedLengthStream(length));
  }

  /** Never resolves: of a stream that fails the runtime makes a body that looks whole. */
  #fail(code: ApiError['code'], message: string): Promise<never> {
    this.failure = { code, message };
    this.onFailure();
    return new Promise(() => {});
  }
}

/** The body to be relayed; undefined where it is short, absent, too long or has to be known. */
export function uploadOf(request: Request, maxBytes: number): Upload | undefined {
  const { body, headers, method } = request;
  if (!body || method === 'GET' || method === 'HEAD' || headers.has('idempotency-key')) {
    return undefined;
  }
  const told = headers.get('content-length');
  const length = told === null ? undefined : Number(told);
  if (length !== undefined && (length <= MAX_HELD_BYTES || length > maxBytes)) return undefined;
  return new Upload(body, length, maxBytes);
}
