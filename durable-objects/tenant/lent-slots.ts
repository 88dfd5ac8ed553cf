/**
 * The object's side of loans: it lends slots to an isolate of the Worker beside a grant, takes what the
 * isolate tells of its calls, and answers its turn when the slots are wanted back. Who may borrow how
 * much, and when slots are recalled, is decided in src/core/dispatch/loans.ts.
 */
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { LoanEffect } from '../../src/core/dispatch/loan-events.ts';
import type {
  CallRequest,
  EnqueueRequest,
  Grant,
  LoanOffer,
} from '../../src/protocol/admission.ts';
import {
  type BorrowedEnd,
  type LoanTurn,
  type LoanWord,
  TURN_MS,
} from '../../src/protocol/loans.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import type { CallAccounting } from './call-accounting.ts';
import type { DispatchLoop } from './dispatch-loop.ts';
import type { EffectRunner } from './effect-runner.ts';
import { permitted } from './permitted-call.ts';
import type { TenantSettings } from './tenant-settings.ts';
import type { TenantStore } from './tenant-store.ts';

/** Longest wait for recalled loans by one who wants to know of every call, ms. */
const RECALL_MS = 1_000;
/** Time after which leases that could not be stored are tried again, ms. */
const STORE_AGAIN_MS = 1_000;
/** Clients that report on their runs are not lent slots for so long: reports must find the calls, ms. */
const REPORTS_PAUSE_MS = 60_000;

export interface LentSlotsContext {
  readonly store: TenantStore;
  readonly settings: TenantSettings;
  readonly accounting: CallAccounting;
  readonly loop: DispatchLoop;
  readonly effects: EffectRunner;
}

type LoanEnd = Extract<LoanEffect, { type: 'loan-recalled' | 'loan-over' }>;

/** What happened to borrowed calls at one time. */
interface Happened {
  readonly at: number;
  readonly event: DispatchEvent;
}

export class LentSlots {
  readonly #context: LentSlotsContext;
  /** Answers the turn that is open, by loan: false where the loan does not go on. */
  readonly #turns = new Map<string, (goesOn: boolean) => void>();
  /** Called when a loan is over. */
  readonly #returned = new Set<() => void>();
  /** Loans that are over and whose calls' leases could not be stored. */
  readonly #unstored = new Set<string>();
  #notBefore = -Infinity;

  constructor(context: LentSlotsContext) {
    this.#context = context;
  }

  /** Lends slots of the endpoint that a call was granted, where its isolate wants some. */
  async lend(request: EnqueueRequest, { endpoint }: Grant): Promise<LoanOffer | undefined> {
    const { store, settings, loop } = this.#context;
    const { borrows: slots, version, call } = request;
    if (slots === undefined || version !== settings.version) return undefined;
    if (Date.now() < this.#notBefore) return undefined;
    const loanId = crypto.randomUUID();
    const { backend } = call;
    const done = await loop.step([{ type: 'loan-asked', loanId, backend, endpoint, slots }]);
    const lent = done.find((effect) => effect.type === 'lent' && effect.loanId === loanId);
    if (lent?.type !== 'lent') return undefined;
    try {
      store.loans.save(lent);
    } catch (error) {
      logFailure('loan_not_saved', error);
      await loop.step([{ type: 'loan-returned', loanId }]);
      return undefined;
    }
    return { loanId, slots: lent.slots };
  }

  /** Stores that a loan has grown, if it has. False where it is as it was. */
  async grown(effects: readonly Effect[]): Promise<boolean> {
    const grown = effects.find((effect) => effect.type === 'loan-grown');
    if (grown?.type !== 'loan-grown') return false;
    const { store, loop } = this.#context;
    try {
      store.loans.save(grown);
      return true;
    } catch (error) {
      logFailure('loan_not_saved', error);
      // Nobody but its isolate knows which slots are in use, so all of the loan comes back.
      await loop.step([{ type: 'loans-recalled' }]);
      return false;
    }
  }

  /** Takes what an isolate tells of its calls. Answers after a while, or when the loan is recalled. */
  async turn(turn: LoanTurn): Promise<LoanWord> {
    const { loop, store } = this.#context;
    const { loanId, isLast, number, holdMs = TURN_MS } = turn;
    // An isolate has one turn at a time: a turn that is still open is one that it gave up.
    this.#turns.get(loanId)?.(false);
    const { dispatcher } = loop;
    if (!dispatcher) return { goesOn: false };
    const heard = isLast ? 'loan-returned' : 'loan-renewed';
    const told = this.#told(dispatcher, turn);
    if (number !== undefined) store.loans.took(loanId, number);
    await loop.steps([...told, [{ type: heard, loanId }]]);
    // The isolate asks again.
    if (isLast && !this.#over(loanId)) throw new Error('the leases could not be stored');
    if (isLast) return { goesOn: false };
    if (dispatcher.loans.goesOn(loanId)) return { goesOn: await this.#turnEnds(loanId, holdMs) };
    return { goesOn: false };
  }

  /**
   * Takes what an isolate tells beside a call that it asks for or reports: of a run whose other calls are
   * on borrowed slots, all has to be seen in its order.
   */
  async tell(turns: readonly LoanTurn[]): Promise<void> {
    const { loop } = this.#context;
    for (const turn of turns) {
      const { dispatcher } = loop;
      if (!dispatcher) return;
      const told = this.#told(dispatcher, turn);
      if (told.length > 0) await loop.steps(told);
    }
  }

  /** A loan is recalled, or nothing was heard of it for too long. */
  ends({ type, loanId }: LoanEnd): void {
    this.#turns.get(loanId)?.(false);
    if (type === 'loan-over') this.#over(loanId);
  }

  /** Recalls all loans; resolves when every call on their slots is known, or cannot be waited for. */
  async callsKnown(): Promise<void> {
    const { loop } = this.#context;
    const loans = loop.dispatcher?.loans;
    if (!loans || loans.size === 0) return;
    await loop.step([{ type: 'loans-recalled' }]);
    if (loans.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, RECALL_MS);
    const onReturned = () => {
      if (loans.size === 0) resolve();
    };
    this.#returned.add(onReturned);
    await promise;
    this.#returned.delete(onReturned);
    clearTimeout(timer);
  }

  /** The same for a client's report on its run, which wants to find the run's calls. */
  reported(): Promise<void> {
    this.#notBefore = Date.now() + REPORTS_PAUSE_MS;
    return this.callsKnown();
  }

  /**
   * What happened to the calls, in the order in which it did, in groups of the same kind: calls of a run
   * that ran beside each other must be seen so.
   */
  #told(dispatcher: Dispatcher, turn: LoanTurn): DispatchEvent[][] {
    const now = Date.now();
    const { loanId, endpoint, calls, sentAt = now } = turn;
    const { accounting } = this.#context;
    const isNew = this.#isNew(turn);
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
        const call = this.#opened(dispatcher, request, beganAt);
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
  #isNew({ loanId, number }: LoanTurn): (ended: BorrowedEnd | undefined) => boolean {
    const last = this.#context.store.loans.lastTurn(loanId);
    // Nothing is known of the loan: what runs needs its slot, and what has ended may be known.
    if (last === undefined) return (ended) => ended === undefined;
    if (number !== undefined && number < last) return () => false;
    const hasForgotten = this.#context.store.loans.isRestored(loanId);
    return (ended) => {
      if (!ended) return true;
      if (hasForgotten && ended.isRepeated) return false;
      return (ended.turn ?? number ?? Infinity) > last;
    };
  }

  /** Opens the call's entry in the log; undefined where there is no configuration. */
  #opened(dispatcher: Dispatcher, request: EnqueueRequest, at: number): CallRequest | undefined {
    const { settings, accounting } = this.#context;
    const { config } = settings;
    if (!config) return undefined;
    const permission = permitted(request, config, dispatcher.register);
    // Where the configuration has changed since it began, the call runs all the same, and has a slot.
    const asked = 'status' in permission ? request.call : permission.call;
    const call = { ...asked, keyId: request.keyId };
    accounting.charge({ ...request, call }, at);
    return call;
  }

  /**
   * A loan is over: its calls that still run have leases of their own from now on. Its row stands for
   * them until those are stored; false where they cannot be.
   */
  #over(loanId: string): boolean {
    const { loop, store, effects } = this.#context;
    let isStored = true;
    for (const call of loop.dispatcher?.callsOnLoan(loanId) ?? []) {
      isStored = effects.outlivesLoan(call) && isStored;
    }
    if (!isStored) {
      this.#overLater(loanId);
      return false;
    }
    try {
      store.loans.delete(loanId);
    } catch (error) {
      // It is restored after a restart, and given up when its isolate is not heard of.
      logFailure('loan_not_deleted', error);
    }
    for (const tell of this.#returned) tell();
    return true;
  }

  /** Tries again, as the isolate of the loan may not: it has died, or nothing was heard of it. */
  #overLater(loanId: string): void {
    if (this.#unstored.has(loanId)) return;
    this.#unstored.add(loanId);
    setTimeout(() => {
      this.#unstored.delete(loanId);
      this.#over(loanId);
    }, STORE_AGAIN_MS);
  }

  /** Resolves when the turn of a loan is over: true where the loan goes on. */
  async #turnEnds(loanId: string, holdMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), Math.min(TURN_MS, holdMs));
    this.#turns.set(loanId, resolve);
    const goesOn = await promise;
    clearTimeout(timer);
    if (this.#turns.get(loanId) === resolve) this.#turns.delete(loanId);
    return goesOn;
  }
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
