/**
 * Forwards an admitted call to its endpoint and relays the answer; retries are up to
 * `backend-call.ts`. However the call ends (answer, fault, time limit, client disconnect), its slot is
 * released by exactly one report. What an answer is, is decided in `endpoints/verdict.ts`; how it is
 * read and passed on, in `answer-reading.ts` and `relay.ts`.
 */
import type { EndpointAdapter } from '../endpoints/adapter.ts';
import type { CallTimeouts } from '../endpoints/address.ts';
import { engineQueue, errorBodyOf, failureOf } from '../endpoints/answer.ts';
import { type Verdict, verdictOf, verdictOfError } from '../endpoints/verdict.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { answerHeaders, withoutKey } from '../http/headers.ts';
import { fetchSameUrl } from '../http/same-url.ts';
import type { Upload } from '../http/upload.ts';
import type { CallResult } from '../protocol/tenant.ts';
import type { Slot } from './admission.ts';
import { errorAnswer } from './answer-error.ts';
import { AnswerReading, type Expected } from './answer-reading.ts';
import {
  BROKEN_OFF,
  isClientsOwn,
  LATE,
  LOST,
  refusedResult,
  UNANSWERED,
  type UntimedResult,
} from './attempt-result.ts';
import type { Opening } from './opening.ts';
import { PieceSource } from './piece-source.ts';
import { Relay, type RelayEnd } from './relay.ts';
import { Watchdog } from './watchdog.ts';

/** Time that a cancellation takes to reach the endpoint, ms; a new call must not overtake it. */
const CANCEL_GRACE_MS = 20;
/** Time for an answer that is over to end by itself, ms: its connection can then be used again. */
const LET_GO_MS = 250;

export interface ForwardOptions extends Expected {
  readonly slot: Slot;
  /** The upstream request, to be sent once; `signal` cancels it. */
  readonly request: (signal: AbortSignal) => Request;
  readonly timeouts: CallTimeouts;
  /** A call that may have reached the endpoint may be sent again. */
  readonly isRepeatable: boolean;
  readonly adapter: EndpointAdapter;
  /** The request's body where it is relayed as it arrives. */
  readonly upload?: Upload | undefined;
  /** Headers that Talaria adds to the answer. */
  readonly added: Readonly<Record<string, string>>;
  /** Called when the result was reported and nothing is left of the call. */
  readonly onOver: () => void;
}

/** Statuses of answers whose body, if there is one, is not passed on. */
const HAS_NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** An attempt that failed before anything reached the client; its slot is still held. */
export interface FailedAttempt {
  readonly result: CallResult;
  /** The error for the client where no further attempt is made. */
  readonly error: ApiError;
  /** The endpoint's own error, which the client gets instead of `error`. */
  readonly answer?: Response;
}

/** What an end says of the endpoint beside its outcome. */
type EndDetails = Partial<Omit<UntimedResult, 'outcome'>>;

export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #watchdog: Watchdog;
  readonly #startedAt = Date.now();
  readonly #reading: AnswerReading;
  readonly #renewal: ReturnType<typeof setInterval>;
  #relay: Relay | undefined;
  /** Calls that waited in the endpoint's engine when it answered. */
  #queuedInEngine: number | undefined;
  #ended: Promise<void> | undefined;
  /** What is left to do with the endpoint's connection when the answer is over. */
  #letGo: Promise<void> | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
    // While the client does not read, no read from the endpoint is pending that would fail on the
    // time limit and release the slot, so it is released here.
    this.#watchdog = new Watchdog(options.timeouts, () => {
      if (!this.#relay?.isClientIdle) return;
      void this.#end(this.#reading.isComplete ? 'ok' : 'cancelled');
    });
    this.#reading = new AnswerReading(options, this.#startedAt, () => this.#watchdog.piece());
    const { slot, upload } = options;
    // While the client still sends its body, the wait for the endpoint's first byte restarts.
    if (upload) {
      upload.onPiece = () => this.#watchdog.again();
      upload.onFailure = () => this.#watchdog.abort();
    }
    this.#renewal = setInterval(() => void slot.renew(), slot.grant.leaseMs / 3);
  }

  /**
   * Sends the call and resolves as soon as the endpoint's answer has begun; the rest of it is relayed
   * as it arrives. A failed attempt is not reported here: the caller decides what follows.
   */
  async forward(): Promise<Response | FailedAttempt> {
    const upstream = await this.#send();
    if (upstream === undefined) return this.#unanswered(LOST, 'could not be reached');
    const { status, headers } = upstream;
    this.#watchdog.piece();
    this.#options.upload?.answered();
    this.#queuedInEngine = engineQueue(headers);
    if (status < 200 || status > 599) return this.#odd(upstream);
    const unchanged = status === 304 && this.#options.format === 'opaque';
    return status >= 300 && !unchanged ? this.#withoutSuccess(upstream) : this.#success(upstream);
  }

  /** The client left: cancels the upstream request and releases the slot. */
  async clientLeft(): Promise<void> {
    this.#watchdog.abort();
    this.#ended ??= this.#reportCancelled();
    await this.#ended;
  }

  /** The client left before there was an answer, which says nothing about the endpoint. */
  async #clientGone(): Promise<Response> {
    await this.#ended;
    return this.#refuse({ code: 'upstream_error' });
  }

  /** The endpoint learns of the cancellation a moment later; its slot is not free until then. */
  async #reportCancelled(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS));
    await this.#report('cancelled');
  }

  async #send(): Promise<Response | undefined> {
    try {
      const request = this.#options.request(this.#watchdog.signal);
      return await fetchSameUrl(request, () => this.#watchdog.again());
    } catch {
      return undefined;
    }
  }

  /** There is no answer, or none that anything can be done with; `how`: what the endpoint did. */
  async #unanswered(result: UntimedResult, how: string): Promise<Response | FailedAttempt> {
    if (this.#ended !== undefined) return this.#clientGone();
    const { upload, isRepeatable } = this.#options;
    if (upload?.failure) {
      // The client caused the failure: it says nothing about the endpoint.
      await this.#end('cancelled');
      return this.#refuse(upload.failure);
    }
    if (this.#watchdog.expired) return this.#failed(LATE, this.#fault());
    const message = `The endpoint ${how}.`;
    const known = isRepeatable ? result : { ...result, connectionLost: false };
    return this.#failed(known, { code: 'upstream_error', message });
  }

  /** A status that is no answer: interim ones, a change of protocol, numbers that nobody knows. */
  async #odd(upstream: Response): Promise<Response | FailedAttempt> {
    upstream.webSocket?.accept();
    upstream.webSocket?.close();
    await upstream.body?.cancel().catch(() => {});
    return this.#unanswered(UNANSWERED, `answered with status ${upstream.status}`);
  }

  async #success(upstream: Response): Promise<Response | FailedAttempt> {
    const { status, body } = upstream;
    const headers = answerHeaders(upstream.headers, this.#options.added, this.#options.key);
    if (!body || HAS_NO_BODY.has(status)) {
      await body?.cancel();
      await this.#end('ok');
      return new Response(null, { status, headers });
    }
    const source = new PieceSource(body);
    let opening: Opening;
    try {
      opening = await this.#reading.open(source, upstream.headers);
    } catch {
      return this.#unanswered(BROKEN_OFF, 'broke off before its answer');
    }
    if (opening.kind === 'error') return this.#failedWithin(opening.text, upstream.headers);
    if (opening.kind === 'nothing') {
      return this.#unanswered(BROKEN_OFF, 'ended its answer before it had begun');
    }
    if (this.#reading.stream) headers.set('content-type', 'text/event-stream');
    const { readable, writable } = new IdentityTransformStream();
    void this.#pass(source, opening, writable.getWriter());
    return new Response(readable, { status, headers });
  }

  async #pass(
    source: PieceSource,
    opening: Opening & { kind: 'answer' },
    sink: WritableStreamDefaultWriter<Uint8Array>,
  ): Promise<void> {
    // Whoever waits for it has left.
    sink.closed.catch(() => this.clientLeft());
    const relayed = {
      source,
      opening,
      reading: this.#reading,
      onEnd: (end: RelayEnd, open: boolean) => {
        if (open) this.#letGo = this.#drain(source);
        void this.#relayEnded(end);
      },
      onComplete: () => this.#watchdog.complete(),
      fault: () => this.#fault(),
    };
    this.#relay = new Relay(relayed, sink);
    await this.#relay.run();
  }

  #relayEnded(end: RelayEnd): Promise<void> {
    if (end === 'whole') return this.#end('ok');
    if (this.#options.upload?.failure) return this.#end('cancelled');
    if (end === 'broken') return this.#end('failed', { endpointFault: true });
    const text = this.#reading.stream?.faultText ?? '';
    const { kind } = verdictOfError(this.#options.adapter, text, new Headers(), Date.now());
    const busy = kind === 'busy';
    return this.#end('failed', {
      endpointFault: !busy && !isClientsOwn(kind),
      ...(busy ? { busy } : {}),
    });
  }

  /** Waits a moment for the end of an answer that is over, and cancels what does not end. */
  async #drain(source: PieceSource): Promise<void> {
    const timer = setTimeout(() => this.#watchdog.abort(), LET_GO_MS);
    const { done } = await source.next().catch(() => ({ done: true }));
    clearTimeout(timer);
    if (!done) this.#watchdog.abort();
  }

  /** The error for an answer that broke off, or did not come. */
  #fault(): ApiError {
    const late = this.#watchdog.expired;
    if (late) return { code: 'upstream_timeout', message: `The endpoint: ${late}.` };
    return {
      code: 'upstream_error',
      message: 'The endpoint broke off in the middle of its answer.',
    };
  }

  async #withoutSuccess(upstream: Response): Promise<Response | FailedAttempt> {
    const { adapter, added, key, isTool } = this.#options;
    const { status, headers } = upstream;
    const { text, body } = await errorBodyOf(upstream, key);
    const verdict = verdictOf(adapter, { status, headers, text }, isTool, Date.now());
    return this.#refused(verdict, () => {
      const told = answerHeaders(headers, added, key);
      return new Response(body, { status: verdict.status, headers: told });
    });
  }

  /** The endpoint answered with success, and then that it failed. */
  async #failedWithin(text: string, headers: Headers): Promise<Response | FailedAttempt> {
    const { adapter, added, key, format } = this.#options;
    const told = withoutKey(text, key);
    const verdict = verdictOfError(adapter, told, headers, Date.now());
    const answer = () => errorAnswer(verdict, told, format, answerHeaders(headers, added, key));
    const refused = await this.#refused(verdict, answer);
    this.#watchdog.abort();
    return refused;
  }

  /** `answer`: the endpoint's own error, which the client gets where its request is wrong. */
  async #refused(verdict: Verdict, answer: () => Response): Promise<Response | FailedAttempt> {
    if (this.#ended !== undefined) return this.#clientGone();
    const { kind, status, retryAfterMs } = verdict;
    const { isTool } = this.#options;
    if (isClientsOwn(kind)) {
      await this.#end('failed', kind === 'forbidden' ? { forbidden: true } : {});
      return answer();
    }
    const result = refusedResult(kind, status, { isTool, retryAfterMs });
    if (kind !== 'unready') return this.#failed(result, failureOf(verdict));
    // The client's own, unless the endpoint is not up: that shows in what else is known of it.
    return { ...this.#failed(result, failureOf({ ...verdict, kind: 'cold' })), answer: answer() };
  }

  /** Ends the attempt without releasing its slot. */
  #failed(result: UntimedResult, error: ApiError): FailedAttempt {
    this.#ended = Promise.resolve();
    this.#stop();
    return { result: { ...result, serviceMs: Date.now() - this.#startedAt }, error };
  }

  #stop(): void {
    this.#watchdog.stop();
    clearInterval(this.#renewal);
  }

  #refuse(error: ApiError): Response {
    return errorResponse(error, this.#options.added);
  }

  /** Releases the slot; only the first call has an effect. */
  #end(outcome: CallResult['outcome'], details: EndDetails = {}): Promise<void> {
    this.#ended ??= this.#report(outcome, details);
    return this.#ended;
  }

  async #report(outcome: CallResult['outcome'], details: EndDetails = {}): Promise<void> {
    this.#stop();
    const queuedThere = this.#queuedInEngine;
    try {
      await this.#options.slot.report({
        outcome,
        endpointFault: false,
        cold: false,
        ...details,
        serviceMs: Date.now() - this.#startedAt,
        ...(queuedThere === undefined ? {} : { queuedThere }),
        ...this.#reading.measured,
        ...(outcome === 'ok' ? this.#reading.handedOut : {}),
      });
      await this.#letGo;
    } finally {
      this.#options.onOver();
    }
  }
}
