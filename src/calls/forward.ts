/**
 * One attempt at an endpoint: sends the call, and passes its answer on as it arrives. Each end of it
 * releases its slot once (`attempt-end.ts`). What becomes of an attempt without an answer is in
 * `no-answer.ts`, how an answer is read in `answer-reading.ts`, how it is passed on in `relay.ts`.
 */
import type { AnswerKind } from '../endpoints/adapter.ts';
import { engineQueue } from '../endpoints/answer.ts';
import { verdictOfError } from '../endpoints/verdict.ts';
import type { ApiError } from '../http/errors.ts';
import { answerHeaders } from '../http/headers.ts';
import { type HeaderReader, HeldHeaders } from '../http/held-headers.ts';
import { isEventStream } from '../http/media-type.ts';
import { fetchSameUrl } from '../http/same-url.ts';
import { AnswerReading } from './answer-reading.ts';
import { AttemptEnd } from './attempt-end.ts';
import { BROKEN_OFF, CUT, isClientsOwn, LOST, UNANSWERED } from './attempt-result.ts';
import type { FailedAttempt, ForwardOptions } from './forward-options.ts';
import { lateness, NoAnswer } from './no-answer.ts';
import type { Opening } from './opening.ts';
import { PieceSource } from './piece-source.ts';
import { Relay, type RelayEnd } from './relay.ts';
import { Watchdog } from './watchdog.ts';

/** Time for an answer that is over to end by itself, ms: its connection can then be used again. */
const LET_GO_MS = 250;

/** The error for an answer that broke off after it had begun. */
const BROKE_OFF: ApiError = {
  code: 'upstream_error',
  message: 'The endpoint broke off in the middle of its answer.',
};

/** Statuses of answers whose body, if there is one, is not passed on. */
const HAS_NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #watchdog: Watchdog;
  readonly #reading: AnswerReading;
  readonly #end: AttemptEnd;
  #relay: Relay | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
    const { slot, upload, onOver } = options;
    const renewal = { everyMs: slot.grant.leaseMs / 3, renew: () => void slot.renew() };
    // While the client does not read, no read from the endpoint is pending that would fail on the
    // time limit and release the slot, so it is released here.
    this.#watchdog = new Watchdog(options.timeouts, renewal, () => {
      if (!this.#relay?.isClientIdle) return;
      void this.#end.report(this.#reading.isComplete ? 'ok' : 'cancelled');
    });
    this.#end = new AttemptEnd({
      slot,
      onOver,
      stop: () => this.#watchdog.stop(),
      measured: (outcome) => ({
        ...this.#reading.measured,
        ...(outcome === 'ok' ? this.#reading.handedOut : {}),
      }),
    });
    const { startedAt } = this.#end;
    this.#reading = new AnswerReading(options, startedAt, () => this.#watchdog.piece());
    // While the client still sends its body, the wait for the endpoint's first byte restarts.
    if (upload) {
      upload.onPiece = () => this.#watchdog.again();
      upload.onFailure = () => this.#watchdog.abort();
    }
  }

  /**
   * Sends the call and resolves as soon as the endpoint's answer has begun; the rest of it is relayed
   * as it arrives. A failed attempt is not reported here: the caller decides what follows.
   */
  async forward(): Promise<Response | FailedAttempt> {
    const upstream = await this.#send();
    if (upstream === undefined) return this.#noAnswer.unanswered(LOST, 'could not be reached');
    const { status } = upstream;
    const headers = new HeldHeaders(upstream.headers);
    this.#watchdog.piece();
    this.#options.upload?.answered();
    this.#end.queuedThere = engineQueue(headers);
    if (status < 200 || status > 599) return this.#odd(upstream);
    const unchanged = status === 304 && this.#options.format === 'opaque';
    return status >= 300 && !unchanged
      ? this.#noAnswer.withoutSuccess(upstream, headers)
      : this.#success(upstream, headers);
  }

  get #noAnswer(): NoAnswer {
    return new NoAnswer(this.#options, this.#end, this.#watchdog);
  }

  /** The client left: cancels the upstream request and releases the slot. */
  async clientLeft(): Promise<void> {
    this.#watchdog.abort();
    await this.#end.cancelled();
  }

  async #send(): Promise<Response | undefined> {
    try {
      const request = this.#options.request(this.#watchdog.signal);
      return await fetchSameUrl(request, () => this.#watchdog.again());
    } catch {
      return undefined;
    }
  }

  /** A status that is no answer: interim ones, a change of protocol, numbers that nobody knows. */
  async #odd(upstream: Response): Promise<Response | FailedAttempt> {
    upstream.webSocket?.accept();
    upstream.webSocket?.close();
    await upstream.body?.cancel().catch(() => {});
    return this.#noAnswer.unanswered(UNANSWERED, `answered with status ${upstream.status}`);
  }

  async #success(upstream: Response, told: HeaderReader): Promise<Response | FailedAttempt> {
    const { status, body } = upstream;
    const { format, isTool } = this.#options;
    const headers = answerHeaders(told, this.#options.added, this.#options.key);
    if (!body || HAS_NO_BODY.has(status)) {
      await body?.cancel();
      // A model's API always answers with something.
      return this.#empty(format === 'opaque' || isTool, status, headers);
    }
    const source = new PieceSource(body);
    let opening: Opening;
    try {
      opening = await this.#reading.open(source, told);
    } catch {
      return this.#noAnswer.unanswered(BROKEN_OFF, 'broke off before its answer');
    }
    if (opening.kind === 'error') return this.#noAnswer.failedWithin(opening.text, told);
    if (opening.kind === 'cut') {
      return this.#noAnswer.unanswered(CUT, 'broke off in the middle of its answer');
    }
    if (opening.kind === 'nothing') return this.#empty(false, status, headers);
    if (this.#reading.stream) headers['content-type'] = 'text/event-stream';
    else if (this.#reading.isPlain && isEventStream(told)) {
      headers['content-type'] = 'application/json';
    }
    if (opening.isEnded && !this.#reading.stream) {
      // All of it came at once, and goes at once: a small Worker needs 0.7 of the CPU so.
      void this.#end.report('ok');
      return new Response(opening.bytes, { status, headers });
    }
    const { readable, writable } = new IdentityTransformStream();
    void this.#pass(source, opening, writable.getWriter());
    return new Response(readable, { status, headers });
  }

  /** There is nothing in the answer. What is accepted (202) may come later. */
  async #empty(
    isAnswer: boolean,
    status: number,
    headers: Record<string, string>,
  ): Promise<Response | FailedAttempt> {
    if (!isAnswer && status !== 202) {
      return this.#noAnswer.unanswered(BROKEN_OFF, 'ended its answer before it had begun');
    }
    await this.#end.report('ok');
    return new Response(null, { status, headers });
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
        if (open) this.#end.letGo = this.#drain(source);
        void this.#relayEnded(end);
      },
      onComplete: () => this.#watchdog.complete(),
      isWorthRetrying: (fault: string) => !isClientsOwn(this.#verdictOn(fault)),
      fault: () => lateness(this.#watchdog) ?? BROKE_OFF,
    };
    this.#relay = new Relay(relayed, sink);
    await this.#relay.run();
  }

  #relayEnded(end: RelayEnd): Promise<void> {
    if (end === 'whole') return this.#end.report('ok');
    if (this.#options.upload?.failure) return this.#end.report('cancelled');
    if (end === 'broken') return this.#end.report('failed', { endpointFault: true });
    const kind = this.#verdictOn(this.#reading.faultText);
    const busy = kind === 'busy';
    return this.#end.report('failed', {
      endpointFault: !busy && !isClientsOwn(kind),
      ...(busy ? { busy } : {}),
    });
  }

  /** What a fault says about the endpoint that was reported behind a success. */
  #verdictOn(fault: string): AnswerKind {
    return verdictOfError(this.#options.adapter, fault, new Headers(), Date.now()).kind;
  }

  /** Waits a moment for the end of an answer that is over, and cancels what does not end. */
  async #drain(source: PieceSource): Promise<void> {
    const timer = setTimeout(() => this.#watchdog.abort(), LET_GO_MS);
    const { done } = await source.next().catch(() => ({ done: true }));
    clearTimeout(timer);
    if (!done) this.#watchdog.abort();
  }
}
