/**
 * An attempt that has no answer for its client: the endpoint could not be reached, broke off or was too
 * late, or it answered with an error, under whichever status. Either the client gets an error, or the
 * caller may make another attempt (`FailedAttempt`). What comes of a success is in `forward.ts`.
 */
import { errorBodyOf, failureOf } from '../endpoints/answer.ts';
import { type Verdict, verdictOf, verdictOfError } from '../endpoints/verdict.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { answerHeaders, withoutKey } from '../http/headers.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { errorAnswer } from './answer-error.ts';
import type { AttemptEnd } from './attempt-end.ts';
import { CUT, isClientsOwn, LATE, refusedResult, type UntimedResult } from './attempt-result.ts';
import type { FailedAttempt, ForwardOptions } from './forward-options.ts';
import type { Watchdog } from './watchdog.ts';

export class NoAnswer {
  readonly #options: ForwardOptions;
  readonly #end: AttemptEnd;
  readonly #watchdog: Watchdog;

  constructor(options: ForwardOptions, end: AttemptEnd, watchdog: Watchdog) {
    this.#options = options;
    this.#end = end;
    this.#watchdog = watchdog;
  }

  /** There is none, or none that anything can be done with; `how`: what the endpoint did. */
  async unanswered(result: UntimedResult, how: string): Promise<Response | FailedAttempt> {
    if (this.#end.ended !== undefined) return this.#clientGone();
    const { upload, isRepeatable, added } = this.#options;
    if (upload?.failure) {
      // The client caused the failure: it says nothing about the endpoint.
      await this.#end.report('cancelled');
      return errorResponse(upload.failure, added);
    }
    // One that had begun to answer is up.
    const late = lateness(this.#watchdog);
    if (late) return this.#failed(result === CUT ? CUT : LATE, late);
    const message = `The endpoint ${how}.`;
    const known = isRepeatable ? result : { ...result, connectionLost: false };
    return this.#failed(known, { code: 'upstream_error', message });
  }

  /** The endpoint answered with a status that is no success. */
  async withoutSuccess(
    upstream: Response,
    headers: HeaderReader,
  ): Promise<Response | FailedAttempt> {
    const { adapter, added, key, isTool } = this.#options;
    const { status } = upstream;
    const { text, body } = await errorBodyOf(upstream, key);
    const verdict = verdictOf(adapter, { status, headers, text }, isTool, Date.now());
    return this.#refused(verdict, () => {
      const told = answerHeaders(headers, added, key);
      return new Response(body, { status: verdict.status, headers: told });
    });
  }

  /** The endpoint answered with success, and then that it failed. */
  async failedWithin(text: string, headers: HeaderReader): Promise<Response | FailedAttempt> {
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
    if (this.#end.ended !== undefined) return this.#clientGone();
    const { kind, status, retryAfterMs } = verdict;
    const { isTool } = this.#options;
    if (isClientsOwn(kind)) {
      await this.#end.report('failed', kind === 'forbidden' ? { forbidden: true } : {});
      return answer();
    }
    const result = refusedResult(kind, status, { isTool, retryAfterMs });
    if (kind !== 'unready') return this.#failed(result, failureOf(verdict));
    // The client's own, unless the endpoint is not up: that shows in what else is known of it.
    return { ...this.#failed(result, failureOf({ ...verdict, kind: 'cold' })), answer: answer() };
  }

  /** The client left before there was an answer, which says nothing about the endpoint. */
  async #clientGone(): Promise<Response> {
    await this.#end.ended;
    return errorResponse({ code: 'upstream_error' }, this.#options.added);
  }

  /** Ends the attempt without releasing its slot. */
  #failed(result: UntimedResult, error: ApiError): FailedAttempt {
    this.#end.unreported();
    return { result: { ...result, serviceMs: this.#end.serviceMs }, error };
  }
}

/** The error for an answer whose time limit expired; undefined where none has. */
export function lateness({ expired }: Watchdog): ApiError | undefined {
  return expired === undefined
    ? undefined
    : { code: 'upstream_timeout', message: `The endpoint: ${expired}.` };
}
