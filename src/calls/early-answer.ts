/**
 * Begins the answer to a call that waits long, before its result is known, and keeps the connection
 * alive: proxies cut one that is silent for about 100 s, and a client that has closed its connection
 * is noticed only where something is written to it. The result follows in the same answer. How the
 * two kinds of answers are written is in `early-forms.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import type { EndpointState } from '../protocol/admission.ts';
import type { Admission } from './admission.ts';
import type { CallPlan } from './call-plan.ts';
import { type EarlyForm, jsonForm, streamForm } from './early-forms.ts';

/** Most time between two signs of life, ms: a client that has closed its connection is noticed so. */
const PULSE_MS = 1_000;
/** Time between two that tell the state of the call, ms; shorter where the first is due sooner. */
const USUAL_PAUSE_MS = 5_000;
const SHORTEST_PAUSE_MS = 100;

/** Waits after which an answer is begun, ms; absent: it is not. */
export interface EarlyWaits {
  /** While no endpoint that is up serves the call. */
  readonly queuedMs?: number | undefined;
  /** Also while an endpoint that is up serves it. */
  readonly anyMs?: number | undefined;
}

/**
 * Answers the call with `act`, which is given what the call must report to; early where its backend
 * is configured so. A call that runs for a job, and a client that wants no comments, wait in silence.
 */
export function answerInTime(
  c: Context<AppEnv>,
  plan: CallPlan,
  act: (early: EarlyAnswer | undefined) => Promise<Response>,
): Promise<Response> {
  const early = earlyAnswer(c, plan);
  if (!early) return act(undefined);
  const answering = act(early);
  // An answer may begin before the body is needed.
  plan.hand.until(answering);
  return early.responseOrBegun(answering);
}

function earlyAnswer(c: Context<AppEnv>, plan: CallPlan): EarlyAnswer | undefined {
  const { streams = false, format } = plan;
  if (/^\s*off\s*$/i.test(c.get('headers').get('x-talaria-queue-comments') ?? '')) return undefined;
  const settings = c.get('tenant').config.backends[plan.backend];
  const anyMs = settings?.keepAliveAfterMs;
  // What an opaque answer will be is not known.
  if (!streams && (anyMs === undefined || format === 'opaque')) return undefined;
  const waits = { queuedMs: streams ? settings?.queueCommentsAfterMs : undefined, anyMs };
  const requestId = c.get('requestId');
  const ownWait = plan.identity.maxWaitMs !== undefined;
  const form = streams ? streamForm(format, ownWait) : jsonForm(format, requestId, ownWait);
  return new EarlyAnswer(waits, form, requestId, c.req.raw.signal);
}

export class EarlyAnswer {
  readonly #waits: EarlyWaits;
  readonly #form: EarlyForm;
  readonly #requestId: string;
  readonly #clientLeft = new AbortController();
  #admission: Admission | undefined;
  /** A warm endpoint serves the call. */
  #isServedWarm = false;

  constructor(waits: EarlyWaits, form: EarlyForm, requestId: string, client: AbortSignal) {
    this.#waits = waits;
    this.#form = form;
    this.#requestId = requestId;
    // The listener stays as long as the client's signal, so it refers to nothing of the call.
    const clientLeft = this.#clientLeft;
    if (client.aborted) clientLeft.abort();
    else client.addEventListener('abort', () => clientLeft.abort());
  }

  /** Aborted when the client leaves, before or after its answer has begun. */
  get signal(): AbortSignal {
    return this.#clientLeft.signal;
  }

  /** Sets the admission that the queue position is read from. */
  follow(admission: Admission): void {
    this.#admission = admission;
  }

  /** Sets the state of the endpoint that granted a slot; undefined while the call waits for one. */
  granted(endpointState: EndpointState | undefined): void {
    this.#isServedWarm = endpointState === 'warm';
  }

  /** The answer itself where the call does not wait long, else one that will carry it. */
  async responseOrBegun(answering: Promise<Response>): Promise<Response> {
    const { queuedMs, anyMs } = this.#waits;
    const any = new Wait(anyMs);
    try {
      for (;;) {
        const queued = new Wait(queuedMs);
        const first = await Promise.race([answering, any.over, queued.over]);
        queued.stop();
        if (first instanceof Response) return first;
        if (first === any || !this.#isServedWarm) return this.#begin(answering);
      }
    } finally {
      any.stop();
    }
  }

  #begin(answering: Promise<Response>): Response {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    void this.#write(answering, writable).catch(() => this.#clientLeft.abort());
    return new Response(readable, {
      headers: {
        'content-type': this.#form.contentType,
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
    let isWriting = false;
    let pulses = 0;
    const keepAlive = async () => {
      // The client does not read: it has a sign of life to read still.
      if (isWriting) return;
      isWriting = true;
      const tells = pulses % this.#pulsesATime === 0;
      pulses += 1;
      const text = await this.#form.keepAlive(async () => (tells ? this.#status() : undefined));
      // The answer may have arrived while the queue position was looked up.
      if (!isOver) await writer.write(encoder.encode(text));
      isWriting = false;
    };
    const lively = () => {
      keepAlive().catch(() => !isOver && this.#clientLeft.abort());
    };
    const timer = setInterval(lively, Math.min(PULSE_MS, this.#pauseMs));
    try {
      // Not awaited: a client that never reads must not keep the answer from being taken.
      lively();
      const answer = await answering;
      isOver = true;
      clearInterval(timer);
      if (this.#form.canFollow(answer) && answer.body) {
        holdsLock = false;
        writer.releaseLock();
        await answer.body.pipeTo(writable);
        return;
      }
      const { text, breaks } = await this.#form.failure(answer);
      await writer.write(encoder.encode(text));
      if (breaks) await writer.abort(new Error('the call failed after its answer had begun'));
      else await writer.close();
    } catch (error) {
      // A reader of the answer must learn that no more follows.
      if (holdsLock) await writer.abort(error).catch(() => {});
      throw error;
    } finally {
      isOver = true;
      clearInterval(timer);
    }
  }

  get #pauseMs(): number {
    const { queuedMs = USUAL_PAUSE_MS, anyMs = USUAL_PAUSE_MS } = this.#waits;
    return Math.max(SHORTEST_PAUSE_MS, Math.min(USUAL_PAUSE_MS, queuedMs, anyMs));
  }

  /** Of so many signs of life, one tells the state of the call: looking it up costs a request. */
  get #pulsesATime(): number {
    return Math.ceil(this.#pauseMs / PULSE_MS);
  }

  async #status(): Promise<string> {
    const where = await this.#admission?.where();
    if (!where || where.position === 0) return 'waiting for the endpoint';
    return `queued position=${where.position} eta_ms=${Math.round(where.etaMs)}`;
  }
}

/** A wait that may be over some time, or never. */
class Wait {
  /** Resolves with the wait itself. */
  readonly over: Promise<Wait>;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number | undefined) {
    const { promise, resolve } = Promise.withResolvers<Wait>();
    this.over = promise;
    if (ms !== undefined) this.#timer = setTimeout(() => resolve(this), ms);
  }

  stop(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }
}
