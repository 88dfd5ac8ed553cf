/**
 * The object's side of loans: it lends slots to an isolate of the Worker beside a grant, takes what the
 * isolate tells of its calls, and answers its turn when the slots are wanted back. Who may borrow how
 * much, and when slots are recalled, is decided in src/core/dispatch/loans.ts.
 */
import type { Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { LoanEffect } from '../../src/core/dispatch/loan-events.ts';
import type { EnqueueRequest, Grant, LoanOffer } from '../../src/protocol/admission.ts';
import { type LoanTurn, type LoanWord, TURN_MS } from '../../src/protocol/loans.ts';
import { logFailure } from '../../src/protocol/log-line.ts';
import { type BorrowedCallsContext, toldEvents } from './borrowed-calls.ts';
import type { DispatchLoop } from './dispatch-loop.ts';
import type { LeaseWrites } from './lease-writes.ts';
import type { TenantSettings } from './tenant-settings.ts';
import type { TenantStore } from './tenant-store.ts';
import { UntoldCalls } from './untold-calls.ts';

/** Time after which leases that could not be stored are tried again, ms. */
const STORE_AGAIN_MS = 1_000;

export interface LentSlotsContext extends BorrowedCallsContext {
  readonly store: TenantStore;
  readonly settings: TenantSettings;
  readonly loop: DispatchLoop;
  readonly leases: LeaseWrites;
}

type LoanEnd = Extract<LoanEffect, { type: 'loan-recalled' | 'loan-over' }>;

export class LentSlots {
  readonly #context: LentSlotsContext;
  /** Answers the turn that is open, by loan: false where the loan does not go on. */
  readonly #turns = new Map<string, (goesOn: boolean) => void>();
  readonly #untold: UntoldCalls;
  /** Loans that are over and whose calls' leases are to be stored again soon. */
  readonly #unstored = new Set<string>();

  constructor(context: LentSlotsContext) {
    this.#context = context;
    this.#untold = new UntoldCalls(() => context.loop.dispatcher?.loans.ids ?? [], this.#turns);
  }

  /** Lends slots of the endpoint that a call was granted, where its isolate wants some. */
  async lend(request: EnqueueRequest, { endpoint }: Grant): Promise<LoanOffer | undefined> {
    const { store, settings, loop } = this.#context;
    const { borrows: slots, version, call } = request;
    if (slots === undefined || version !== settings.version) return undefined;
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
    const told = toldEvents(this.#context, dispatcher, turn);
    if (number !== undefined) store.loans.took(loanId, number);
    await loop.steps([...told, [{ type: heard, loanId }]]);
    // The isolate asks again.
    if (isLast && !this.#over(loanId)) throw new Error('the leases could not be stored');
    const isWanted = this.#untold.came(loanId);
    if (isLast || !dispatcher.loans.goesOn(loanId)) return { goesOn: false };
    const goesOn = isWanted || (await this.#turnEnds(loanId, holdMs));
    return { goesOn };
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
      const told = toldEvents(this.#context, dispatcher, turn);
      if (told.length > 0) await loop.steps(told);
    }
  }

  /** A loan is recalled, or nothing was heard of it for too long. */
  ends({ type, loanId }: LoanEnd): void {
    this.#turns.get(loanId)?.(false);
    if (type === 'loan-over') this.#over(loanId);
  }

  /** Resolves when every call on lent slots is known, or cannot be waited for. */
  callsKnown(): Promise<void> {
    return this.#untold.told();
  }

  /**
   * A loan is over: its calls that still run have leases of their own from now on. Its row stands for
   * them until those are stored; false where they cannot be.
   */
  #over(loanId: string): boolean {
    const { loop, store, leases } = this.#context;
    let isStored = true;
    for (const call of loop.dispatcher?.callsOnLoan(loanId) ?? []) {
      isStored = leases.outlivesLoan(call) && isStored;
    }
    if (!isStored) {
      this.#overSoon(loanId);
      return false;
    }
    try {
      store.loans.delete(loanId);
    } catch (error) {
      // It is restored after a restart, and given up when its isolate is not heard of.
      logFailure('loan_not_deleted', error);
    }
    this.#untold.over(loanId);
    return true;
  }

  /** Its isolate may not ask again: it has died, or nothing was heard of it. */
  #overSoon(loanId: string): void {
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
