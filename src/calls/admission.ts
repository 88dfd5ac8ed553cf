/**
 * The Worker's side of admission: asks the tenant's object for a slot, waits for the grant, renews
 * the lease and reports the result. The queue itself is in the object. An object can restart at any
 * time, which cuts the wait: the call is then submitted again with the same id and arrival, so that
 * it keeps its place in the queue and is never granted twice.
 */
import type { TenantConfig } from '../config/schema.ts';
import type {
  CallResult,
  EnqueueRequest,
  Grant,
  Refusal,
  TicketMethods,
} from '../protocol/admission.ts';
import { isDatabaseTooNew } from '../protocol/database-too-new.ts';
import type { LoanTurn } from '../protocol/loans.ts';
import { logFailure } from '../protocol/log-line.ts';
import type { TenantApi } from '../protocol/tenant.ts';
import { isOverloaded, LONGEST_PAUSE_MS, MAX_TRIES, pause, reliably } from './ask-reliably.ts';
import type { LentSlots } from './lent-slots.ts';
import type { BorrowedSlot } from './loan.ts';
import { endBorrowed, holdLoan, keepBorrowed, settleLoan } from './loan-holder.ts';

/** A lease, released by exactly one `report` or `abandon`; later ones have no effect. */
export interface Slot {
  readonly grant: Grant;
  report(result: CallResult): Promise<void>;
  renew(): Promise<void>;
}

export type Admitted =
  | { readonly status: 'granted'; readonly slot: Slot }
  | Refusal
  /** The object cannot be reached, or is overloaded. */
  | { readonly status: 'unavailable'; readonly retryAfterMs: number }
  /** Its database is of a newer version: asking again is no use. */
  | { readonly status: 'too-new' };

type Ticket = TicketMethods & Partial<Disposable>;

/** Where the call may borrow a slot of its isolate. */
export interface Borrowing {
  readonly slots: LentSlots;
  readonly config: TenantConfig;
  /** Keeps the request's context alive until a promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

export class Admission {
  readonly #stub: () => TenantApi;
  readonly #request: EnqueueRequest;
  readonly #borrowing: Borrowing;
  #ticket: Ticket | undefined;
  #borrowed: BorrowedSlot | undefined;
  #hasBegun = false;
  #isOver = false;

  constructor(stub: () => TenantApi, request: EnqueueRequest, borrowing: Borrowing) {
    this.#stub = stub;
    this.#request = request;
    this.#borrowing = borrowing;
  }

  /** Resolves with a slot, or when it is clear that there will be none. */
  async admit(): Promise<Admitted> {
    const { slots, config, waitUntil } = this.#borrowing;
    const { slot, borrows, overdue } = slots.take(this.#request, config, Date.now());
    if (overdue) waitUntil(settleLoan(overdue, this.#stub));
    if (!slot) return this.#acquire(() => this.#enqueue(borrows));
    this.#borrowed = slot;
    return { status: 'granted', slot: this.#slot(slot.grant) };
  }

  /**
   * Reports an attempt that failed before anything reached the client. Resolves with the next slot
   * or its refusal; undefined where no further attempt is allowed and the call is over.
   */
  async retry(result: CallResult): Promise<Admitted | undefined> {
    if (this.#isOver) return undefined;
    await this.#becomeKnown();
    const ticket = this.#ticket;
    let mayRetry: boolean | undefined;
    let hasTicket = ticket !== undefined;
    try {
      mayRetry = await ticket?.again(result);
    } catch {
      // The object restarted and may not know of the failure, so it is reported once more.
      hasTicket = false;
    }
    const { callId } = this.#request.call;
    mayRetry ??= await reliably(this.#stub, (stub) => stub.again(callId, result));
    if (!mayRetry) {
      this.#over();
      this.#dispose();
      return undefined;
    }
    return this.#acquire(() => {
      // Without a valid ticket the call is still in the queue: enqueuing again yields a new ticket.
      const granted = hasTicket && ticket ? ticket.granted() : this.#enqueue();
      hasTicket = false;
      return granted;
    });
  }

  async #acquire(ask: () => Promise<Grant | Refusal>): Promise<Admitted> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await ask();
        if (answer.status === 'refused') {
          // A call that waited has a ticket still.
          this.#dispose();
          return answer;
        }
        if (this.#isOver) {
          // The client left during the request: the cancellation may have reached the object first.
          this.#dispose();
          await reliably(this.#stub, (stub) => stub.cancel(this.#request.call.callId));
          return { status: 'unavailable', retryAfterMs: LONGEST_PAUSE_MS };
        }
        return { status: 'granted', slot: this.#slot(answer) };
      } catch (error) {
        this.#dispose();
        if (isDatabaseTooNew(error)) {
          logFailure('database_too_new', error);
          return { status: 'too-new' };
        }
        if (this.#isOver || attempt >= MAX_TRIES || isOverloaded(error)) {
          return { status: 'unavailable', retryAfterMs: LONGEST_PAUSE_MS };
        }
        await pause(attempt);
      }
    }
  }

  /** Queue position and estimated wait of a waiting call; undefined where they are not known. */
  async where(): Promise<{ position: number; etaMs: number } | undefined> {
    try {
      return await this.#ticket?.where();
    } catch {
      return undefined;
    }
  }

  /** The client left: gives up its place in the queue or its slot at once. */
  async abandon(): Promise<void> {
    if (this.#isOver) return;
    this.#over();
    this.#dispose();
    if (this.#borrowed) return this.#endBorrowed(this.#borrowed, undefined);
    const { callId } = this.#request.call;
    await reliably(this.#stub, (stub) => stub.cancel(callId, this.#untold()));
  }

  /** A call on a borrowed slot that wants another attempt: its loan goes back, and the object knows it. */
  async #becomeKnown(): Promise<void> {
    const slot = this.#borrowed;
    if (!slot) return;
    this.#borrowed = undefined;
    await settleLoan(slot.loan, this.#stub);
    await keepBorrowed(slot, this.#stub);
    slot.loan.news.forget(slot.entry);
  }

  #endBorrowed(slot: BorrowedSlot, result: CallResult | undefined): Promise<void> {
    slot.end(result, Date.now());
    return endBorrowed(slot, this.#stub);
  }

  #over(): void {
    this.#isOver = true;
    if (this.#hasBegun) this.#borrowing.slots.ended();
    this.#hasBegun = false;
  }

  /** Reports the end of the call; its slot may stay with this isolate's loan. */
  async #report({ endpoint }: Grant, result: CallResult): Promise<void> {
    const loan = this.#borrowing.slots.loanAt(endpoint);
    try {
      if (await this.#ticket?.report(result, loan?.id, this.#untold())) loan?.grew();
      if (this.#ticket) return;
    } catch {
      // The object restarted and may not know of it.
    }
    const { callId } = this.#request.call;
    await reliably(this.#stub, (stub) => stub.settle(callId, result, undefined, this.#untold()));
  }

  async #enqueue(borrows?: number): Promise<Grant | Refusal> {
    const request = borrows === undefined ? this.#request : { ...this.#request, borrows };
    const answer = await this.#stub().enqueue(request, this.#untold());
    this.#ticket = answer.ticket;
    if (answer.status === 'granted') this.#hold(request, answer);
    if (answer.status !== 'queued') return answer;
    if (!this.#ticket) throw new Error('queued without a ticket');
    return this.#ticket.granted();
  }

  /** What the object has to know of the call's run before; undefined where it knows all. */
  #untold(): readonly LoanTurn[] | undefined {
    const told = this.#borrowing.slots.untold(this.#request);
    return told.length > 0 ? told : undefined;
  }

  /** Holds the loan that came with a grant, beside the call and after it. */
  #hold(request: EnqueueRequest, grant: Grant): void {
    const { slots, config, waitUntil } = this.#borrowing;
    const loan = slots.accept(request, grant, config);
    if (loan) waitUntil(holdLoan(loan, this.#stub));
  }

  #slot(grant: Grant): Slot {
    const { callId } = this.#request.call;
    if (!this.#hasBegun) this.#borrowing.slots.began();
    this.#hasBegun = true;
    return {
      grant,
      report: async (result) => {
        if (this.#isOver) return;
        this.#over();
        if (this.#borrowed) return this.#endBorrowed(this.#borrowed, result);
        await this.#report(grant, result);
        this.#dispose();
      },
      renew: async () => {
        if (this.#isOver) return;
        const slot = this.#borrowed;
        if (slot) await keepBorrowed(slot, this.#stub);
        // The object may know a call on a borrowed slot although its answer to that was lost.
        if (this.#isOver) return;
        const delivered = await succeeded(this.#ticket?.renew());
        if (!delivered) await reliably(this.#stub, (stub) => stub.renew(callId));
      },
    };
  }

  #dispose(): void {
    this.#ticket?.[Symbol.dispose]?.();
    this.#ticket = undefined;
  }
}

async function succeeded(promise: Promise<void> | undefined): Promise<boolean> {
  if (!promise) return false;
  try {
    await promise;
    return true;
  } catch {
    return false;
  }
}
