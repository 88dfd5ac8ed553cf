/**
 * A stream that waits long for its slot is begun before there is anything to stream, and kept alive
 * with comments that say how it stands: proxies cut what is silent for some 100 s. What the call comes
 * to is then told inside the stream, a refusal as its last event.
 */
import type { Context } from 'hono';
import { type AnswerFormat, faultEvent } from '../apis/streams/answer-format.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { type ApiError, isErrorCode } from '../http/errors.ts';
import type { EndpointState } from '../protocol/tenant.ts';
import type { Admission } from './admission.ts';
import type { CallPlan } from './call-plan.ts';

/** Between two comments, ms; less where the first comes sooner. */
const COMMENT_EVERY_MS = 5_000;

/** For a call that streams, unless its client does not want to be told. */
export function queueComments(c: Context<AppEnv>, plan: CallPlan): QueuedStream | undefined {
  if (!plan.streams || c.req.header('x-talaria-queue-comments') === 'off') return undefined;
  const afterMs = c.get('tenant').config.backends[plan.backend]?.queueCommentsAfterMs;
  if (afterMs === undefined) return undefined;
  return new QueuedStream(afterMs, plan.format, c.get('requestId'), c.req.raw.signal);
}

export class QueuedStream {
  readonly #afterMs: number;
  readonly #format: AnswerFormat;
  readonly #requestId: string;
  readonly #left = new AbortController();
  #admission: Admission | undefined;
  /** It is being served by an endpoint that is up: its answer tells best what becomes of it. */
  #isServed = false;

  constructor(afterMs: number, reading: AnswerFormat, requestId: string, client: AbortSignal) {
    this.#afterMs = afterMs;
    this.#format = reading;
    this.#requestId = requestId;
    if (client.aborted) this.#left.abort();
    else client.addEventListener('abort', () => this.#left.abort());
  }

  /** The client left, before or after its stream was begun. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  /** Where the comments look up how the call stands. */
  follow(admission: Admission): void {
    this.#admission = admission;
  }

  /** The call has a slot, at an endpoint that is up or not; undefined while it waits for one. */
  granted(endpointState: EndpointState | undefined): void {
    this.#isServed = endpointState === 'warm';
  }

  /** The answer itself where the call does not wait for long, else a stream that will become it. */
  async responseOrStream(made: Promise<Response>): Promise<Response> {
    const late = Symbol('late');
    for (;;) {
      const waited = Promise.withResolvers<typeof late>();
      const timer = setTimeout(() => waited.resolve(late), this.#afterMs);
      const first = await Promise.race([made, waited.promise]);
      clearTimeout(timer);
      if (first !== late) return first;
      if (!this.#isServed) return this.#begin(made);
    }
  }

  #begin(made: Promise<Response>): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    void this.#write(made, writable).catch(() => this.#left.abort());
    return new Response(readable, {
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache',
        'x-request-id': this.#requestId,
      },
    });
  }

  async #write(made: Promise<Response>, writable: WritableStream<Uint8Array>): Promise<void> {
    const writer = writable.getWriter();
    // Letting go of the lock rejects `closed` too; that is no client leaving.
    let holdsLock = true;
    writer.closed.catch(() => holdsLock && this.#left.abort());
    const encoder = new TextEncoder();
    let isOver = false;
    const comment = async () => {
      const text = encoder.encode(`: ${await this.#status()}\n\n`);
      // The answer may have come while it was asked how the call stands.
      if (!isOver) await writer.write(text);
    };
    const everyMs = Math.min(COMMENT_EVERY_MS, this.#afterMs);
    const timer = setInterval(() => {
      comment().catch(() => !isOver && this.#left.abort());
    }, everyMs);
    try {
      await comment();
      const answer = await made;
      isOver = true;
      clearInterval(timer);
      const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream');
      if (answer.ok && isStream && answer.body) {
        holdsLock = false;
        writer.releaseLock();
        await answer.body.pipeTo(writable);
        return;
      }
      await writer.write(encoder.encode(faultEvent(this.#format, await errorIn(answer))));
      await writer.close();
    } catch (error) {
      // Whoever reads along is told that there is no more.
      if (holdsLock) await writer.abort(error).catch(() => {});
      throw error;
    } finally {
      isOver = true;
      clearInterval(timer);
    }
  }

  async #status(): Promise<string> {
    const where = await this.#admission?.where();
    if (!where || where.position === 0) return 'waiting for the endpoint';
    return `queued position=${where.position} eta_ms=${Math.round(where.etaMs)}`;
  }
}

/** What an answer that is no stream tells of its error. */
async function errorIn(answer: Response): Promise<ApiError> {
  try {
    const text = await answer.text();
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    const code = String(error?.code ?? '');
    const message = String(error?.message ?? 'The endpoint answered without a stream.');
    // An endpoint's own refusal has codes of its own; its words are passed on.
    return { code: isErrorCode(code) ? code : 'upstream_error', message };
  } catch {
    return { code: 'upstream_error', message: 'The endpoint answered without a stream.' };
  }
}
