/**
 * Forwards an admitted call to its endpoint and relays the answer; retries are up to
 * `backend-call.ts`. Bytes are relayed unchanged as they arrive, and token counts are read on the
 * way. However the call ends (answer, fault, time limit, client disconnect), its slot is released
 * by exactly one report.
 */

import { AnswerText } from '../apis/answer-text.ts';
import type { AnswerFormat } from '../apis/streams/answer-format.ts';
import { AnswerStream } from '../apis/streams/answer-stream.ts';
import { ToolCalls } from '../apis/tool-calls.ts';
import { PlainUsage } from '../apis/usage.ts';
import { ofAllAnswers } from '../apis/usage-fields.ts';
import type { AnswerKind } from '../endpoints/adapter.ts';
import type { CallTimeouts } from '../endpoints/address.ts';
import { beginningOf, engineQueue, failureOf } from '../endpoints/answer.ts';
import { type ByteSource, byteSource, GrowingBuffer } from '../http/byte-source.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { answerHeaders } from '../http/headers.ts';
import { fetchSameUrl } from '../http/same-url.ts';
import type { Upload } from '../http/upload.ts';
import type { CallResult } from '../protocol/tenant.ts';
import type { Slot } from './admission.ts';
import {
  isClientsOwn,
  LATE,
  refusedResult,
  UNANSWERED,
  type UntimedResult,
} from './attempt-result.ts';
import { Watchdog } from './watchdog.ts';

/** Time that a cancellation takes to reach the endpoint, ms; a new call must not overtake it. */
const CANCEL_GRACE_MS = 20;

export interface ForwardOptions {
  readonly slot: Slot;
  /** The upstream request, to be sent once; `signal` cancels it. */
  readonly request: (signal: AbortSignal) => Request;
  /** The API format in which the answer is read; an opaque answer is relayed unread. */
  readonly format: AnswerFormat;
  /** Talaria asked for usage and the client did not: the usage chunk is removed. */
  readonly stripUsage: boolean;
  /** Number of answers requested in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  readonly timeouts: CallTimeouts;
  /** The endpoint serves no model. */
  readonly isTool: boolean;
  /** What an answer without success says about the endpoint. */
  readonly classify: (status: number, body: string) => AnswerKind;
  /** The request's body where it is relayed as it arrives. */
  readonly upload?: Upload | undefined;
  /** The endpoint's key, which is removed from every error that is passed on. */
  readonly key?: string | undefined;
  /** Headers that Talaria adds to the answer. */
  readonly added: Readonly<Record<string, string>>;
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
interface EndDetails {
  readonly fault?: boolean;
  readonly forbidden?: boolean;
}

export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #watchdog: Watchdog;
  readonly #startedAt = Date.now();
  readonly #renewal: ReturnType<typeof setInterval>;
  #stream: AnswerStream | undefined;
  #plain: PlainUsage | undefined;
  #firstByteMs: number | undefined;
  /** Calls that waited in the endpoint's engine when it answered. */
  #queuedInEngine: number | undefined;
  /** The answer has begun, and the client is not reading more of it at the moment. */
  #clientIdle = false;
  #ended: Promise<void> | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
    // While the client does not read, no read from the endpoint is pending that would fail on the
    // time limit and release the slot, so it is released here.
    this.#watchdog = new Watchdog(options.timeouts, () => {
      if (this.#clientIdle) void this.#end('cancelled');
    });
    const { slot, upload } = options;
    // While the client still sends its body, the wait for the endpoint's first byte restarts.
    if (upload) {
      upload.onPiece = () => this.#watchdog.again();
      upload.onFailure = () => this.#watchdog.abort();
    }
    this.#renewal = setInterval(() => void slot.renew(), slot.grant.leaseMs / 3);
  }

  /**
   * Sends the call and resolves as soon as the endpoint answers; the rest of the answer is relayed
   * as it arrives. A failed attempt is not reported here: the caller decides what follows.
   */
  async forward(): Promise<Response | FailedAttempt> {
    const upstream = await this.#send();
    if (upstream instanceof Response) return this.#answer(upstream);
    if (this.#ended !== undefined) return this.#clientGone();
    const timeout = this.#watchdog.expired;
    const failure = this.#options.upload?.failure;
    if (failure) {
      // The client caused the failure: it says nothing about the endpoint.
      await this.#end('cancelled');
      return this.#refuse(failure);
    }
    return this.#failed(
      timeout ? LATE : UNANSWERED,
      timeout
        ? { code: 'upstream_timeout', message: `The endpoint: ${timeout}.` }
        : { code: 'upstream_error', message: 'The endpoint could not be reached.' },
    );
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

  async #answer(upstream: Response): Promise<Response | FailedAttempt> {
    this.#watchdog.piece();
    this.#options.upload?.answered();
    this.#queuedInEngine = engineQueue(upstream.headers);
    if (!isRelayable(upstream.status)) return this.#odd(upstream);
    const unchanged = upstream.status === 304 && this.#options.format === 'opaque';
    if (upstream.status >= 300 && !unchanged) return this.#withoutSuccess(upstream);
    this.#chooseReader(upstream);
    const headers = answerHeaders(upstream.headers, this.#options.added, this.#options.key);
    if (!upstream.body || HAS_NO_BODY.has(upstream.status)) {
      await upstream.body?.cancel();
      await this.#end('ok');
      return new Response(null, { status: upstream.status, headers });
    }
    const { readable, writable } = new IdentityTransformStream();
    void this.#relay(byteSource(upstream.body), writable.getWriter());
    return new Response(readable, { status: upstream.status, headers });
  }

  /** A status that is no answer: interim ones, a change of protocol, numbers that nobody knows. */
  async #odd(upstream: Response): Promise<Response | FailedAttempt> {
    upstream.webSocket?.accept();
    upstream.webSocket?.close();
    await upstream.body?.cancel().catch(() => {});
    if (this.#ended !== undefined) return this.#clientGone();
    return this.#failed(UNANSWERED, failureOf('broken', upstream.status));
  }

  /** Decides by what arrived: some servers answer a request for a stream in one piece. */
  #chooseReader(upstream: Response): void {
    const { format, stripUsage, choices, key } = this.#options;
    if (format === 'opaque') return;
    const isStream = upstream.headers.get('content-type')?.startsWith('text/event-stream');
    if (isStream) this.#stream = new AnswerStream({ format, stripUsage, choices, key });
    else this.#plain = new PlainUsage();
  }

  /**
   * Relays the answer, no faster than the client reads. A write ends when its bytes were taken, so
   * one buffer serves for all of them: a new one for each piece would be garbage faster than it is
   * collected.
   */
  async #relay(source: ByteSource, sink: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    // Whoever waits for it has left.
    sink.closed.catch(() => this.clientLeft());
    const buffers = new GrowingBuffer();
    try {
      for (;;) {
        const { done, value } = await source.read(buffers.next);
        if (done || value === undefined) return await this.#close(sink);
        this.#watchdog.piece();
        this.#firstByteMs ??= Date.now() - this.#startedAt;
        this.#plain?.push(value);
        await this.#write(sink, this.#stream ? this.#stream.push(value) : value);
        if (this.#stream?.isOver) {
          this.#watchdog.abort();
          return await this.#close(sink);
        }
        if (source.fillsBuffers) buffers.reuse(value);
      }
    } catch (error) {
      await this.#breakOff(sink, error);
    }
  }

  async #write(sink: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#clientIdle = true;
    await sink.write(bytes);
    this.#clientIdle = false;
  }

  async #close(sink: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
    const ended = this.#stream?.end();
    if (ended) await this.#write(sink, ended.rest);
    if (ended?.state === 'open') {
      return this.#breakOff(sink, new Error('the endpoint closed the stream before its end'));
    }
    // A fault that the endpoint reported itself has already been relayed.
    const isFault = ended?.state === 'failed';
    // The report is sent before the client can make its next call; the client does not wait until
    // it is received.
    const reported = this.#end(isFault ? 'failed' : 'ok', { fault: isFault });
    await sink.close();
    await reported;
  }

  /** The answer broke off in the middle: the client must not take it for a complete one. */
  async #breakOff(sink: WritableStreamDefaultWriter<Uint8Array>, error: unknown): Promise<void> {
    const timeout = this.#watchdog.expired;
    const isClientFault = this.#options.upload?.failure !== undefined;
    const reported = this.#end(isClientFault ? 'cancelled' : 'failed', { fault: !isClientFault });
    try {
      if (this.#stream) {
        const streamError: ApiError = timeout
          ? { code: 'upstream_timeout', message: `The endpoint: ${timeout}.` }
          : {
              code: 'upstream_error',
              message: 'The endpoint broke off in the middle of its answer.',
            };
        await sink.write(this.#stream.fault(streamError));
        await sink.close();
      } else await sink.abort(error);
    } catch {
      // The client has left in the meantime.
    }
    await reported;
  }

  async #withoutSuccess(upstream: Response): Promise<Response | FailedAttempt> {
    const { added, key, isTool } = this.#options;
    const text = await beginningOf(upstream, key);
    if (this.#ended !== undefined) return this.#clientGone();
    const kind = this.#options.classify(upstream.status, text);
    if (isClientsOwn(kind) || kind === 'unready') {
      // The client's request is wrong: it receives the endpoint's own error.
      const headers = answerHeaders(upstream.headers, added, key);
      const answer = new Response(text, { status: upstream.status, headers });
      // Unless the endpoint is not up: that shows in what else is known of it.
      if (kind === 'unready') {
        return {
          ...this.#failed(refusedResult(kind, upstream.status), failureOf('cold', upstream.status)),
          answer,
        };
      }
      await this.#end('failed', { forbidden: kind === 'forbidden' });
      return answer;
    }
    const seconds = Number(upstream.headers.get('retry-after') ?? Number.NaN);
    const retryAfterMs = seconds > 0 ? seconds * 1_000 : undefined;
    const failure = failureOf(kind, upstream.status, { retryAfterMs, text });
    return this.#failed(refusedResult(kind, upstream.status, { isTool, retryAfterMs }), failure);
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

  /** By what the answer is recognised where a later call brings it back. */
  #handedOut(): Pick<CallResult, 'toolCalls' | 'responseId' | 'text'> {
    const calls = this.#stream?.toolCalls ?? new ToolCalls(this.#options.format);
    const said = this.#stream?.text ?? new AnswerText();
    if (this.#plain) {
      calls.push(this.#plain.text);
      said.plain(this.#plain.text);
    }
    const { ids, responseId } = calls;
    const text = ids.length > 0 ? undefined : said.print;
    return {
      ...(ids.length === 0 ? {} : { toolCalls: ids }),
      ...(responseId === undefined ? {} : { responseId }),
      ...(text === undefined ? {} : { text }),
    };
  }

  async #report(outcome: CallResult['outcome'], details: EndDetails = {}): Promise<void> {
    this.#stop();
    const pieces = this.#stream?.pieces;
    const told = (this.#stream ?? this.#plain)?.usage;
    const usage = told && ofAllAnswers(told, this.#options.choices ?? 1);
    const outputTokens = usage?.outputTokens ?? pieces;
    await this.#options.slot.report({
      outcome,
      endpointFault: details.fault ?? false,
      ...(details.forbidden ? { forbidden: true } : {}),
      cold: false,
      serviceMs: Date.now() - this.#startedAt,
      ...(this.#queuedInEngine === undefined ? {} : { queuedThere: this.#queuedInEngine }),
      ...usage,
      ...(outputTokens === undefined ? {} : { outputTokens }),
      ...(outcome === 'ok' ? this.#handedOut() : {}),
      // A plain answer arrives in one piece: its first byte says nothing about the prefill.
      ...(pieces !== undefined && this.#firstByteMs !== undefined
        ? { firstByteMs: this.#firstByteMs }
        : {}),
    });
  }
}

/** Final statuses, which an answer may have. */
function isRelayable(status: number): boolean {
  return status >= 200 && status <= 599;
}
