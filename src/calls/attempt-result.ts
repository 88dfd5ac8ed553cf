/**
 * What an answer without success means for the attempt that got it: the result that is reported to
 * the tenant's object, and whether another attempt is wanted. The simulator uses it too, so that a
 * refused call goes on there as it does at the edge.
 */
import type { AnswerKind } from '../endpoints/adapter.ts';
import { given } from '../http/given.ts';
import type { CallResult } from '../protocol/admission.ts';

/** The result of an attempt without the time that it took. */
export type UntimedResult = Omit<CallResult, 'serviceMs'>;

const FAULT = { outcome: 'failed', endpointFault: true, cold: false } as const;
/** The endpoint did not answer in time. */
export const LATE: UntimedResult = { ...FAULT, timedOut: true };
/** The endpoint answered what is no answer. */
export const UNANSWERED: UntimedResult = { ...FAULT, mayBeCold: true };
/** The endpoint could not be reached, or the connection broke before any byte of an answer. */
export const LOST: UntimedResult = { ...UNANSWERED, connectionLost: true };
/** The answer broke off, or ended, before there was anything in it. */
export const BROKEN_OFF: UntimedResult = FAULT;
/** The answer broke off while it was held: the client has nothing of it. */
export const CUT: UntimedResult = { ...FAULT };

/**
 * True where the answer is the client's own: it is passed on, and no other attempt is made. One that
 * is `unready` is the client's only where the endpoint turns out to be up.
 */
export function isClientsOwn(kind: AnswerKind): boolean {
  return kind === 'rejected' || kind === 'flagged' || kind === 'forbidden';
}

/**
 * True for an answer that an endpoint gives both while it is not up and when it is: a fault, or a
 * model that it does not have. One that refuses the key is up, and so is a tool that failed by itself:
 * it may have done half of its work, which must not be done again.
 */
export function mayBeNotUp(kind: AnswerKind, status: number, isTool: boolean): boolean {
  if (kind !== 'broken') return kind === 'unready';
  return !isTool || BY_GATEWAYS.has(status);
}

/** Answers of what stands in front of a server that is not there. */
const BY_GATEWAYS: ReadonlySet<number> = new Set([502, 504]);

/** The result of an attempt that was answered without success, with this status. */
export function refusedResult(
  kind: AnswerKind,
  status: number,
  { isTool = false, retryAfterMs }: { isTool?: boolean; retryAfterMs?: number | undefined } = {},
): UntimedResult {
  return {
    outcome: 'failed',
    endpointFault: kind === 'broken' || kind === 'denied',
    cold: kind === 'cold',
    ...(mayBeNotUp(kind, status, isTool) ? { mayBeCold: true } : {}),
    ...(kind === 'busy' ? { busy: true } : {}),
    ...(kind === 'forbidden' ? { forbidden: true } : {}),
    ...given({ retryAfterMs }),
  };
}
