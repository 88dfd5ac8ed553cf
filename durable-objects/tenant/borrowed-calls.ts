/**
 * What an isolate tells of the calls that it began on lent slots, as events: in the order in which it
 * happened, at the times at which it did, and each once, however often it is told.
 */
import type { TenantConfig } from '../../src/config/schema.ts';
import type { DispatchEvent } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { CallRequest, EnqueueRequest } from '../../src/protocol/admission.ts';
import type { BorrowedEnd, LoanTurn } from '../../src/protocol/loans.ts';
import type { CallAccounting } from './call-accounting.ts';
import type { LoanRows } from './loan-rows.ts';
import { permitted, withOwnRun } from './permitted-call.ts';

export interface BorrowedCallsContext {
  readonly store: { readonly loans: Pick<LoanRows, 'lastTurn' | 'isRestored'> };
  readonly settings: { readonly config: TenantConfig | undefined };
  readonly accounting: CallAccounting;
}

/** What happened to borrowed calls at one time. */
interface Happened {
  readonly at: number;
  readonly event: DispatchEvent;
}

/**
 * What happened to the calls, in the order in which it did, in groups of the same kind: calls of a run
 * that ran beside each other must be seen so.
 */
export function toldEvents(
  context: BorrowedCallsContext,
  dispatcher: Dispatcher,
  turn: LoanTurn,
): DispatchEvent[][] {
  const now = Date.now();
  const { loanId, endpoint, calls, sentAt = now } = turn;
  const { accounting } = context;
  const isNew = newOf(context, turn);
  // Another clock tells how long ago something was; where it jumped meanwhile, not even that.
  const lentAt = dispatcher.loans.lentAt(loanId);
  const told = (at: number) => Math.min(now, Math.max(lentAt, now - (sentAt - at)));
  const happened: Happened[] = [];
  for (const { request, at, ended } of calls) {
    const { callId } = request.call;
    // An answer that was lost made the isolate tell of it again.
    if (accounting.log.isOver(callId)) continue;
    const known = dispatcher.call(callId);
    const beganAt = known?.lease?.grantedAt ?? told(at);
    if (!known) {
      if (!isNew(ended)) continue;
      const call = opened(context, dispatcher, request, beganAt);
      if (!call) continue;
      const onLoan = { loanId, endpoint, at: beganAt };
      happened.push({ at: beganAt, event: { type: 'submitted', call, onLoan } });
    }
    if (!ended) continue;
    const endedAt = Math.min(Math.max(told(ended.at), beganAt), now);
    const { result } = ended;
    if (result) accounting.ended(callId, result, endedAt);
    else accounting.cancelled(callId, true, endedAt);
    const event: DispatchEvent = result
      ? { type: 'ended', callId, result, at: endedAt }
      : { type: 'cancelled', callId, at: endedAt };
    happened.push({ at: endedAt, event });
  }
  // A stable sort: a call that took no time ends after it began.
  happened.sort((a, b) => a.at - b.at);
  return inGroups(happened);
}

/**
 * Whether a call is to be taken that is not known. It may be one that was told of before and has
 * ended: an answer that is lost, as all are when the object dies, makes the isolate tell of it again.
 * What was learned of the turns that are stored is stored as well.
 */
function newOf(
  { store: { loans } }: BorrowedCallsContext,
  { loanId, number }: LoanTurn,
): (ended: BorrowedEnd | undefined) => boolean {
  const last = loans.lastTurn(loanId);
  // Nothing is known of the loan: what runs needs its slot, and what has ended may be known.
  if (last === undefined) return (ended) => ended === undefined;
  if (number !== undefined && number < last) return () => false;
  const hasForgotten = loans.isRestored(loanId);
  return (ended) => {
    if (!ended) return true;
    if (hasForgotten && ended.isRepeated) return false;
    return (ended.turn ?? number ?? Infinity) > last;
  };
}

/** Opens the call's entry in the log; undefined where there is no configuration. */
function opened(
  { settings, accounting }: BorrowedCallsContext,
  dispatcher: Dispatcher,
  request: EnqueueRequest,
  at: number,
): CallRequest | undefined {
  const { config } = settings;
  if (!config) return undefined;
  const permission = permitted(request, config, dispatcher.register);
  // Where the configuration has changed since it began, the call runs all the same, and has a slot.
  const { keyId } = request;
  const isPermitted = !('status' in permission);
  const asked = isPermitted ? permission.call : withOwnRun(config, keyId, request.call);
  const call = { ...asked, keyId };
  accounting.begun({ ...request, call }, at);
  return call;
}

/** Events of the same kind that follow each other are one group. */
function inGroups(happened: readonly Happened[]): DispatchEvent[][] {
  const groups: DispatchEvent[][] = [];
  for (const { event } of happened) {
    const last = groups.at(-1);
    if (last?.[0]?.type === event.type) last.push(event);
    else groups.push([event]);
  }
  return groups;
}
