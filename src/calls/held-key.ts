/**
 * Holds an idempotency key for the call that runs under it: the key is renewed while the call runs, and
 * its answer is collected while it is relayed, and stored before the client has all of it.
 */

import { isEventStream } from '../http/media-type.ts';
import type { Claim, IdempotencyApi, StoredAnswer } from '../protocol/idempotency.ts';
import { logError, logFailure } from '../protocol/log-line.ts';

const RENEW_MS = 10_000;
const MAX_TRIES = 3;
const MAX_HEADER_CHARS = 8_192;
/** Headers that belong to the present call and not to the stored answer. */
const NOT_KEPT = /^(x-request-id|request-id|x-ratelimit-.*|server-timing|content-length)$/;

/** A key that this call holds until its answer is stored or the call has failed. */
export class HeldKey {
  /** Resolves when the key is released. */
  readonly over: Promise<void>;
  readonly #shard: () => IdempotencyApi;
  readonly #claim: Claim;
  readonly #hold: Partial<Disposable>;
  readonly #resolve: () => void;
  readonly #renewal: ReturnType<typeof setInterval>;
  #ended = false;

  constructor(shard: () => IdempotencyApi, claim: Claim, hold: Partial<Disposable>) {
    this.#shard = shard;
    this.#claim = claim;
    this.#hold = hold;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
    this.#renewal = setInterval(() => void withRetries(() => shard().renew(claim)), RENEW_MS);
  }

  async run(act: () => Promise<Response>, maxBytes: number): Promise<Response> {
    let response: Response;
    try {
      response = await act();
    } catch (error) {
      await this.#end(undefined);
      throw error;
    }
    if (!response.ok || isEventStream(response.headers)) {
      await this.#end(undefined);
      return response;
    }
    if (response.body) return this.#relayAndStore(response, response.body, maxBytes);
    await this.#end(answerOf(response, new Uint8Array(0)));
    return response;
  }

  /** Relays the answer and collects it for storage on the way. */
  #relayAndStore(response: Response, body: ReadableStream<Uint8Array>, maxBytes: number): Response {
    const reader = body.getReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    const relayed = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          try {
            const { done, value } = await reader.read();
            if (done) {
              // Stored before the client has the complete answer, so that a repeat gets
              // the same answer.
              const whole = length <= maxBytes ? await new Blob(parts).arrayBuffer() : undefined;
              await this.#end(whole && answerOf(response, new Uint8Array(whole)));
              return sink.close();
            }
            length += value.length;
            if (length <= maxBytes) parts.push(value);
            sink.enqueue(value);
          } catch (error) {
            await this.#end(undefined);
            sink.error(error);
          }
        },
        cancel: async (reason) => {
          await Promise.allSettled([reader.cancel(reason), this.#end(undefined)]);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(relayed, response);
  }

  async #end(answer: StoredAnswer | undefined): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#renewal);
    const claim = this.#claim;
    const isDone = await withRetries(async () => {
      if (answer) await this.#shard().finish(claim, answer);
      else await this.#shard().free(claim);
      return true;
    });
    if (!isDone) logError('answer_not_kept', { key: claim.key });
    this.#hold[Symbol.dispose]?.();
    this.#resolve();
  }
}

function answerOf(response: Response, body: Uint8Array<ArrayBuffer>): StoredAnswer {
  const headers = [...response.headers].filter(([name]) => !NOT_KEPT.test(name));
  const short = JSON.stringify(headers).length <= MAX_HEADER_CHARS;
  const type = headers.filter(([name]) => name === 'content-type');
  return { status: response.status, headers: short ? headers : type, body };
}

/** Asks a shard some times; undefined where it could not be reached. */
export async function withRetries<T>(act: () => Promise<T>): Promise<T | undefined> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt === MAX_TRIES) {
        logFailure('idempotency_failed', error);
      }
    }
  }
  return undefined;
}
