/**
 * Forwards an admitted call to its endpoint and relays the answer. Bytes are passed on as they come,
 * unchanged; counts are read in passing. However it ends (answer, fault, time limit, a client that
 * leaves), the slot is given back by exactly one report.
 */

import type { AnswerFormat } from '../apis/streams/answer-format.ts';
import { AnswerStream } from '../apis/streams/answer-stream.ts';
import { PlainUsage } from '../apis/usage.ts';
import type { AnswerKind } from '../endpoints/adapter.ts';
import type { CallTimeouts } from '../endpoints/address.ts';
import { beginningOf, engineQueue, failureOf } from '../endpoints/answer.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { answerHeaders, withoutKey } from '../http/headers.ts';
import { fetchSameUrl } from '../http/same-url.ts';
import type { Upload } from '../http/upload.ts';
import type { CallResult } from '../protocol/tenant.ts';
import type { Slot } from './admission.ts';
import { Watchdog } from './watchdog.ts';

/** Time that a cancellation takes to reach the endpoint, ms; a new call must not overtake it. */
const CANCEL_GRACE_MS = 20;

export interface ForwardOptions {
  readonly slot: Slot;
  /** The upstream request, to be sent once; `signal` cancels it. */
  readonly request: (signal: AbortSignal) => Request;
  /** By which API's words the answer is read; an opaque one is passed as it is. */
  readonly format: AnswerFormat;
  /** Talaria asked for usage and the client did not: its chunk is taken out. */
  readonly stripUsage: boolean;
  /** Answers asked for in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
  readonly timeouts: CallTimeouts;
  /** What an answer that is no success says of the endpoint. */
  readonly classify: (status: number, body: string) => AnswerKind;
  /** The request's body where it is relayed as it comes. */
  readonly upload?: Upload | undefined;
  /** The endpoint's key: no error that is passed on has it in it. */
  readonly key?: string | undefined;
  /** Headers that Talaria adds to the answer. */
  readonly added: Readonly<Record<string, string>>;
}

/** An attempt that came to nothing before anything reached the client; its slot is still held. */
export interface FailedAttempt {
  readonly result: CallResult;
  /** What the client is told where there is no further attempt. */
  readonly error: ApiError;
}

export class Forwarder {
  readonly #f: ForwardOptions;
  readonly #watchdog: Watchdog;
  readonly #startedAt = Date.now();
  readonly #renewal: ReturnType<typeof setInterval>;
  #stream: AnswerStream | undefined;
  #plain: PlainUsage | undefined;
  #firstByteMs: number | undefined;
  /** Calls that waited in the endpoint's engine when it answered. */
  #queuedThere: number | undefined;
  /** The answer has begun, and the client does not ask for more of it. */
  #idle = false;
  #ended: Promise<void> | undefined;

  constructor(forwarding: ForwardOptions) {
    this.#f = forwarding;
    // Nobody waits for the endpoint while the client does not read: the slot comes back all the same.
    this.#watchdog = new Watchdog(forwarding.timeouts, () => {
      if (this.#idle) void this.#end('cancelled');
    });
    const { slot, upload } = forwarding;
    // As long as the client sends, the endpoint is not silent.
    if (upload) {
      upload.onPiece = () => this.#watchdog.again();
      upload.onFailure = () => this.#watchdog.abort();
    }
    this.#renewal = setInterval(() => void slot.renew(), slot.grant.leaseMs / 3);
  }

  /**
   * Sends the call and answers as soon as the endpoint does; the rest is relayed as it comes. A failed
   * attempt is not reported: whoever asked for it says what comes of it.
   */
  async forward(): Promise<Response | FailedAttempt> {
    const upstream = await this.#send();
    if (upstream instanceof Response) return this.#answer(upstream);
    if (this.#ended !== undefined) return this.#gone();
    const timeout = this.#watchdog.expired;
    const failure = this.#f.upload?.failure;
    if (failure) {
      // The client's doing: it says nothing of the endpoint.
      await this.#end('cancelled');
      return this.#refuse(failure);
    }
    return this.#failed(
      { endpointFault: true },
      timeout
        ? { code: 'upstream_timeout', message: `The endpoint: ${timeout}.` }
        : { code: 'upstream_error', message: 'The endpoint could not be reached.' },
    );
  }

  /** The client left: upstream is cancelled and the slot given back. */
  async clientLeft(): Promise<void> {
    this.#watchdog.abort();
    this.#ended ??= this.#reportCancelled();
    await this.#ended;
  }

  /** The client left before there was an answer: that says nothing of the endpoint. */
  async #gone(): Promise<Response> {
    await this.#ended;
    return this.#refuse({ code: 'upstream_error' });
  }

  /** The endpoint hears of it a moment later than we do: until then its slot is not free. */
  async #reportCancelled(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS));
    await this.#report('cancelled', false);
  }

  async #send(): Promise<Response | undefined> {
    try {
      const request = this.#f.request(this.#watchdog.signal);
      return await fetchSameUrl(request, () => this.#watchdog.again());
    } catch {
      return undefined;
    }
  }

  async #answer(upstream: Response): Promise<Response | FailedAttempt> {
    this.#watchdog.piece();
    this.#queuedThere = engineQueue(upstream.headers);
    const unchanged = upstream.status === 304 && this.#f.format === 'opaque';
    if (upstream.status >= 300 && !unchanged) return this.#refused(upstream);
    this.#chooseReader(upstream);
    const headers = answerHeaders(upstream.headers, this.#f.added, this.#f.key);
    if (!upstream.body) {
      await this.#end('ok');
      return new Response(null, { status: upstream.status, headers });
    }
    const reader = upstream.body.getReader();
    this.#idle = true;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (sink) => {
          this.#idle = false;
          await this.#relay(reader, sink);
          this.#idle = true;
        },
        cancel: async () => {
          await this.clientLeft();
        },
      },
      // Nothing is read ahead of the client.
      { highWaterMark: 0 },
    );
    return new Response(body, { status: upstream.status, headers });
  }

  /** By what came, not by what was asked for: some servers answer in one piece all the same. */
  #chooseReader(upstream: Response): void {
    const { format, stripUsage, choices } = this.#f;
    if (format === 'opaque') return;
    const isStream = upstream.headers.get('content-type')?.startsWith('text/event-stream');
    if (isStream) this.#stream = new AnswerStream({ format, stripUsage, choices });
    else this.#plain = new PlainUsage();
  }

  /** Relays until something can be passed on, or the answer is over. */
  async #relay(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    sink: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return await this.#close(sink);
        this.#watchdog.piece();
        this.#firstByteMs ??= Date.now() - this.#startedAt;
        this.#plain?.push(value);
        const passed = this.#stream ? this.#stream.push(value) : value;
        if (passed.length > 0) return sink.enqueue(passed);
      }
    } catch (error) {
      await this.#broke(sink, error);
    }
  }

  async #close(sink: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const ended = this.#stream?.end();
    if (ended && ended.rest.length > 0) sink.enqueue(ended.rest);
    if (ended?.state === 'open') {
      return this.#broke(sink, new Error('the endpoint closed the stream before its end'));
    }
    // A fault that the endpoint told of itself has been relayed.
    const isFault = ended?.state === 'failed';
    // On its way before the client can ask for more; the client does not wait until it is heard.
    const reported = this.#end(isFault ? 'failed' : 'ok', { fault: isFault });
    sink.close();
    await reported;
  }

  /** The endpoint broke off in mid-answer: the client must not take it for a whole one. */
  async #broke(sink: ReadableStreamDefaultController<Uint8Array>, error: unknown): Promise<void> {
    const timeout = this.#watchdog.expired;
    const isClients = this.#f.upload?.failure !== undefined;
    const reported = this.#end(isClients ? 'cancelled' : 'failed', { fault: !isClients });
    if (this.#stream) {
      const told: ApiError = timeout
        ? { code: 'upstream_timeout', message: `The endpoint: ${timeout}.` }
        : {
            code: 'upstream_error',
            message: 'The endpoint broke off in the middle of its answer.',
          };
      sink.enqueue(this.#stream.fault(told));
      sink.close();
    } else sink.error(error);
    await reported;
  }

  async #refused(upstream: Response): Promise<Response | FailedAttempt> {
    const text = await beginningOf(upstream);
    if (this.#ended !== undefined) return this.#gone();
    const kind = this.#f.classify(upstream.status, text);
    if (kind === 'rejected') {
      await this.#end('failed');
      // What the client asked for is wrong; it gets the endpoint's own words.
      const { added, key } = this.#f;
      const headers = answerHeaders(upstream.headers, added, key);
      return new Response(withoutKey(text, key), { status: upstream.status, headers });
    }
    const seconds = Number(upstream.headers.get('retry-after') ?? Number.NaN);
    const said = {
      endpointFault: kind === 'broken',
      cold: kind === 'cold',
      busy: kind === 'busy',
      ...(seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}),
    };
    return this.#failed(said, failureOf(kind, upstream.status, said.retryAfterMs));
  }

  /** The attempt is over, and its slot not yet given back. */
  #failed(said: Partial<CallResult>, error: ApiError): FailedAttempt {
    this.#ended = Promise.resolve();
    this.#stop();
    const result = { outcome: 'failed' as const, endpointFault: false, cold: false };
    return { result: { ...result, serviceMs: Date.now() - this.#startedAt, ...said }, error };
  }

  #stop(): void {
    this.#watchdog.stop();
    clearInterval(this.#renewal);
  }

  #refuse(error: ApiError): Response {
    return errorResponse(error, this.#f.added);
  }

  /** Gives the slot back; only the first call has an effect. */
  #end(outcome: CallResult['outcome'], said: { fault?: boolean } = {}): Promise<void> {
    this.#ended ??= this.#report(outcome, said.fault ?? false);
    return this.#ended;
  }

  async #report(outcome: CallResult['outcome'], fault: boolean): Promise<void> {
    this.#stop();
    const pieces = this.#stream?.pieces;
    const usage = (this.#stream ?? this.#plain)?.usage;
    const outputTokens = usage?.outputTokens ?? pieces;
    await this.#f.slot.report({
      outcome,
      endpointFault: fault,
      cold: false,
      serviceMs: Date.now() - this.#startedAt,
      ...(this.#queuedThere === undefined ? {} : { queuedThere: this.#queuedThere }),
      ...(usage?.inputTokens === undefined ? {} : { inputTokens: usage.inputTokens }),
      ...(outputTokens === undefined ? {} : { outputTokens }),
      // Of a plain answer the first byte is the last: it says nothing of the prefill.
      ...(pieces !== undefined && this.#firstByteMs !== undefined
        ? { firstByteMs: this.#firstByteMs }
        : {}),
    });
  }
}
