/**
 * A request body that is relayed as it arrives instead of being held until there is a slot: for
 * tools, whose bodies may be long, or arrive piece by piece while the answer does. It can be sent
 * only once, so such a call is neither retried nor replayed. Bodies that are held are read in
 * `read-body.ts`; uploads of files are in `jobs/file-upload.ts`.
 */
import type { ApiError } from './errors.ts';

/** Largest body of known length that is held instead, bytes. */
const MAX_HELD_BYTES = 1_000_000;

export class Upload {
  readonly body: ReadableStream<Uint8Array>;
  /** Why the body failed; the client is at fault, not the endpoint. */
  failure: ApiError | undefined;
  /** Called for each piece that is relayed. */
  onPiece: () => void = () => {};
  /** Called once the body has failed: the request must be aborted. */
  onFailure: () => void = () => {};

  /** `length` in bytes where it is known. A body longer than `maxBytes` fails. */
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
    // A known length is passed on to the endpoint, as the client stated it.
    this.body = length === undefined ? relayed : relayed.pipeThrough(new FixedLengthStream(length));
  }

  /** Never resolves: the runtime would turn a stream that fails into a body that looks complete. */
  #fail(code: ApiError['code'], message: string): Promise<never> {
    this.failure = { code, message };
    this.onFailure();
    return new Promise(() => {});
  }
}

/**
 * The body to relay; undefined where it is short, absent or too long, or where the whole must be
 * known for an idempotency key.
 */
export function uploadOf(request: Request, maxBytes: number): Upload | undefined {
  const { body, headers, method } = request;
  if (!body || method === 'GET' || method === 'HEAD' || headers.has('idempotency-key')) {
    return undefined;
  }
  const contentLength = headers.get('content-length');
  const length = contentLength === null ? undefined : Number(contentLength);
  if (length !== undefined && (length <= MAX_HELD_BYTES || length > maxBytes)) return undefined;
  return new Upload(body, length, maxBytes);
}
