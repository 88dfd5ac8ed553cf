/**
 * What passes between an isolate of the Worker and a tenant's object about slots that the isolate
 * borrows. While nobody waits it begins calls on them without asking, and tells of them in turns: one
 * request at a time, which the object answers when the slots are wanted back or the turn is over.
 */
export { MAX_LOAN_SLOTS } from '../core/dispatch/loan-events.ts';

import type { CallResult } from '../core/runs/call-result.ts';
import type { EnqueueRequest } from './enqueue-request.ts';

/** How long the object holds a turn at the most before it answers, ms. */
export const TURN_MS = 500;

/** A call that began on a borrowed slot. Times are epoch ms of the isolate's clock. */
export interface BorrowedCall {
  readonly request: EnqueueRequest;
  readonly at: number;
  /** Absent while it runs. */
  readonly ended?: BorrowedEnd;
}

export interface BorrowedEnd {
  readonly at: number;
  /** Absent where its client left before it was sent. */
  readonly result?: CallResult;
  /** Number of the turn that told of it first: a later one repeats what may have arrived. */
  readonly turn?: number;
  /** It was told of before, beside a request for a call of the same run. */
  readonly isRepeated?: boolean;
}

export interface LoanTurn {
  readonly loanId: string;
  /** Endpoint of the calls' backend, for calls of a loan that the object does not know any more. */
  readonly endpoint: string;
  /**
   * Rises with each turn of the loan, each of which tells all that those before it told in vain. Absent
   * where one call tells of itself.
   */
  readonly number?: number;
  /**
   * When it was sent, by the isolate's clock, which may differ from the object's, epoch ms. Absent from
   * an earlier version of the Worker.
   */
  readonly sentAt?: number;
  /** Calls that began or ended since the last turn; some may have been told before. */
  readonly calls: readonly BorrowedCall[];
  /** How long the object may hold it, ms; at most `TURN_MS`, which it is where absent. */
  readonly holdMs?: number;
  /** The isolate begins no more calls: what runs has a lease of its own from now on. */
  readonly isLast: boolean;
}

export interface LoanWord {
  /** False where the loan is recalled or unknown: the isolate is to begin no more calls. */
  readonly goesOn: boolean;
}
