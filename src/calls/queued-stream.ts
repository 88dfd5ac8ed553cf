/**
 * Begins the response of a streaming call that waits long for its slot, and keeps the connection
 * alive with comments that report its queue position: proxies cut a connection that is silent for
 * about 100 s. The call's outcome then follows inside the stream; a refusal is its last event. The
 * endpoint's own stream is relayed in `forward.ts`.
 */
import type { Context } from 'hono';
import { type AnswerFormat, faultEvent } from '../apis/streams/answer-format.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { type ApiError, isErrorCode } from '../http/errors.ts';
import { readBeginning } from '../http/read-answer.ts';
import type { EndpointState } from '../protocol/tenant.ts';
import type { Admission } from './admission.ts';
import type { CallPlan } from './call-plan.ts';

/** Time between two comments, ms; shorter where the first comment is due sooner than that. */
const COMMENT_EVERY_MS = 5_000;
/** Most bytes that are read of an answer that is not a stream. */
const MAX_ERROR_BYTES = 262_144;

/**
 * Undefined where the call does not stream, its client has switched the comments off, or its
 * backend is not configured.
 */
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
  readonly #clientLeft = new AbortController();
  #admission: Admission | undefined;
  /** A warm endpoint serves the call: its answer is awaited, and no stream is begun before it. */
  #isServedWarm = false;

  constructor(afterMs: number, format: AnswerFormat, requestId: string, client: AbortSignal) {
    this.#afterMs = afterMs;
    this.#format = format;
    this.#requestId = requestId;
    if (client.aborted) this.#clientLeft.abort();
    else client.addEventListener('abort', () => this.#clientLeft.abort());
  }

  /** Aborted when the client leaves, before or after its stream has begun. */
  get signal(): AbortSignal {
    return this.#clientLeft.signal;
  }

  /** Sets the admission that the comments read the queue position from. */
  follow(admission: Admission): void {
    this.#admission = admission;
  }

  /** Sets the state of the endpoint that granted a slot; undefined while the call waits for one. */
  granted(endpointState: EndpointState | undefined): void {
    this.#isServedWarm = endpointState === 'warm';
  }

  /** The answer itself where the call does not wait long, else a stream that will carry it. */
  async responseOrStream(answering: Promise<Response>): Promise<Response> {
    const late = Symbol('late');
    for (;;) {
      const waited = Promise.withResolvers<typeof late>();
      const timer = setTimeout(() => waited.resolve(late), this.#afterMs);
      const first = await Promise.race([answering, waited.promise]);
      clearTimeout(timer);
      if (first !== late) return first;
      if (!this.#isServedWarm) return this.#beginStream(answering);
    }
  }

  #beginStream(answering: Promise<Response>): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    void this.#write(answering, writable).catch(() => this.#clientLeft.abort());
    return new Response(readable, {
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, private',
        'x-request-id': this.#requestId,
      },
    });
  }

  async #write(answering: Promise<Response>, writable: WritableStream<Uint8Array>): Promise<void> {
    const writer = writable.getWriter();
    // Releasing the lock rejects `closed` too, which does not mean that the client left.
    let holdsLock = true;
    writer.closed.catch(() => holdsLock && this.#clientLeft.abort());
    const encoder = new TextEncoder();
    let isOver = false;
    const comment = async () => {
      const text = encoder.encode(`: ${await this.#status()}\n\n`);
      // The answer may have arrived while the queue position was looked up.
      if (!isOver) await writer.write(text);
    };
    const everyMs = Math.min(COMMENT_EVERY_MS, this.#afterMs);
    const timer = setInterval(() => {
      comment().catch(() => !isOver && this.#clientLeft.abort());
    }, everyMs);
    try {
      await comment();
      const answer = await answering;
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
      // A reader of the stream must learn that no more follows.
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

/** The error in an answer that is not a stream. */
async function errorIn(answer: Response): Promise<ApiError> {
  try {
    // An endpoint may answer with a body of any length instead of a stream.
    const { text } = await readBeginning(answer, MAX_ERROR_BYTES);
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    const code = String(error?.code ?? '');
    const message = String(error?.message ?? 'The endpoint answered without a stream.');
    // An endpoint's own refusal has codes of its own; its message is passed on.
    return { code: isErrorCode(code) ? code : 'upstream_error', message };
  } catch {
    return { code: 'upstream_error', message: 'The endpoint answered without a stream.' };
  }
}
