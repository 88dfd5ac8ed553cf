/**
 * The one place that decides what an endpoint's answer is, from its status, its headers and the
 * beginning of its body: for calls, side calls and the calls of wakes. What a platform does in its own
 * way is in its adapter.
 */

import { errorIn, errorInText, type ForeignError, parsed } from '../http/foreign-error.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { retryAfterInText, retryAfterOf } from '../http/retry-after.ts';
import type { AnswerKind, EndpointAdapter } from './adapter.ts';

export interface Verdict {
  readonly kind: AnswerKind;
  /** The status, or what it should have been: of an error that came as a success, or as a fault. */
  readonly status: number;
  /** Pause that the endpoint asks for, ms. */
  readonly retryAfterMs?: number;
  /** What the endpoint says that went wrong. */
  readonly error?: ForeignError;
}

/** An answer as far as it was read. */
export interface ReadAnswer {
  readonly status: number;
  readonly headers?: HeaderReader;
  /** The beginning of the body, without the endpoint's key. */
  readonly text: string;
}

/** Reads an answer that is no success by its status. `now`: epoch ms. */
export function verdictOf(
  adapter: Pick<EndpointAdapter, 'classify'>,
  { status, headers, text }: ReadAnswer,
  isTool: boolean,
  now: number,
): Verdict {
  const kind = adapter.classify(status, text, isTool);
  if (kind === 'ok') return { kind, status };
  return {
    ...{ kind, status: statusOf(kind, status) },
    ...pauseOf(kind, text, headers, now),
    error: errorInText(text),
  };
}

/**
 * Reads an error that came as a success: as the body of a 200, or as an event. It counts as the answer
 * that it should have been, by its own number or words; without any, as a fault.
 */
export function verdictOfError(
  adapter: Pick<EndpointAdapter, 'classify'>,
  text: string,
  headers: HeaderReader,
  now: number,
): Verdict {
  const error = errorInText(text);
  const status = error.status ?? UNNAMED_STATUS;
  const kind = adapter.classify(status, text, false);
  // Redirects and successes are not among the statuses of errors.
  return { kind, status: statusOf(kind, status), ...pauseOf(kind, text, headers, now), error };
}

/**
 * A request that is wrong is told so: clients and jobs send one again that is answered as a fault. What
 * nobody can have (501) stays.
 */
function statusOf(kind: AnswerKind, status: number): number {
  return kind === 'rejected' && status >= 500 && status !== 501 ? 400 : status;
}

/** The status that an error in the body of a success should have had; undefined where it is none. */
export function statusOfError(body: string): number | undefined {
  const error = errorIn(parsed(body));
  return error === undefined ? undefined : (error.status ?? UNNAMED_STATUS);
}

/** An error without a number or a known word. */
const UNNAMED_STATUS = 500;

/** The headers' pause; where they tell none, that of a busy endpoint's words. */
function pauseOf(
  kind: AnswerKind,
  text: string,
  headers: HeaderReader | undefined,
  now: number,
): { retryAfterMs?: number } {
  const told = headers && retryAfterOf(headers, now);
  const retryAfterMs = told ?? (kind === 'busy' ? retryAfterInText(text) : undefined);
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}
