/**
 * One loan: slots of an endpoint on which this isolate begins calls without asking the tenant's
 * object. What it has to tell of those calls is in loan-news.ts. Any request of the isolate may use it; it does no
 * I/O of its own, since a request cannot wait for what another one asked.
 */
import type { CallResult, EnqueueRequest, Grant } from '../protocol/admission.ts';
import { TURN_MS } from '../protocol/loans.ts';
import { borrowedGrant, type LoanTerms } from './borrowed-grant.ts';
import { type Entry, LoanNews, type Sent } from './loan-news.ts';

/** No call begins where the last turn is longer ago, ms: the object may have given the loan up. */
const HEARD_WITHIN_MS = 3_000;
/**
 * Longest lease that a call on a borrowed slot counts on, ms: it looks after its slot each third of
 * it, and so before the object gives a loan up of which it hears nothing.
 */
const LOOKED_AFTER_MS = 30_000;
/** The same of one that begins before the object has answered a turn: it waits less for the first. */
const FIRST_LOOKED_AFTER_MS = 6_000;
/** Calls that wait to be told; further ones ask the object. */
const MAX_CALLS = 512;
/**
 * Calls that a turn is to tell of: others of the object wait while it takes them, and each is kept here
 * until then. A turn of a fast isolate is as much shorter, down to the least time, ms.
 */
const CALLS_A_TURN = 32;
const LEAST_TURN_MS = 20;
/** Length of a loan's first turn, ms: how fast calls come is yet to be seen. */
const FIRST_TURN_MS = 50;

export class Loan {
  readonly #terms: LoanTerms;
  /** What is to be told of its calls. */
  readonly news: LoanNews;
  /** Calls that run. */
  #running = 0;
  #mostRunning = 0;
  /** When it was last looked at, epoch ms. */
  #seenAt: number;
  /** Calls that began on it, in all and when its last turn began. */
  #begun = 0;
  #begunTold = 0;
  #slots: number;
  /** A call found no slot of it free. */
  #wasFull = false;
  #isOpen = true;
  #isSettled = false;
  #turnAt: number;
  /** The object has answered a turn. */
  #isHeard = false;

  constructor(terms: LoanTerms, now: number) {
    this.#terms = terms;
    this.news = new LoanNews({ loanId: terms.offer.loanId, endpoint: terms.grant.endpoint });
    this.#slots = terms.offer.slots;
    this.#turnAt = now;
    this.#seenAt = now;
  }

  get id(): string {
    return this.#terms.offer.loanId;
  }

  get endpoint(): string {
    return this.#terms.grant.endpoint;
  }

  /** True where a call has found no slot of it free lately. */
  get wasFull(): boolean {
    return this.#wasFull;
  }

  /** The slot of a call that the object had granted by itself is one of the loan now. */
  grew(): void {
    this.#slots += 1;
    this.#wasFull = false;
  }

  /** False once it was recalled or returned: no call begins on it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True once the object has it back: calls that still run report for themselves. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** No call is to begin on it. */
  close(): void {
    this.#isOpen = false;
  }

  /** Begins a call; undefined where it has to ask the object. */
  begin(request: EnqueueRequest, now: number): BorrowedSlot | undefined {
    const { version } = this.#terms;
    if (!this.#isOpen || request.version !== version) return undefined;
    if (this.isOverdue(now) || this.news.size >= MAX_CALLS) return undefined;
    if (this.#running >= this.#slots) {
      this.#wasFull = true;
      return undefined;
    }
    const entry = this.news.add(request, now);
    this.#running += 1;
    this.#begun += 1;
    this.#mostRunning = Math.max(this.#mostRunning, this.#running);
    const mostMs = this.#isHeard ? LOOKED_AFTER_MS : FIRST_LOOKED_AFTER_MS;
    return new BorrowedSlot(this, entry, borrowedGrant(this.#terms, request, mostMs, now));
  }

  /** A call of it is over; only the first word of that counts. */
  ended(entry: Entry, result: CallResult | undefined, now: number): void {
    if (entry.ended) return;
    entry.ended = { at: now, ...(result ? { result } : {}) };
    this.#running -= 1;
    // It tells of its end itself.
    if (this.#isSettled) this.news.forget(entry);
  }

  /** True where whoever holds the loan has not been heard of for long. */
  isOverdue(now: number): boolean {
    // Either way: a clock that went back must not prolong it.
    return !this.#isSettled && Math.abs(now - this.#turnAt) > HEARD_WITHIN_MS;
  }

  /** The next turn, or the last one: no call begins after that. */
  turn(isLast: boolean, now: number): Sent {
    if (isLast) this.#isOpen = false;
    const holdMs = this.#holdMs(now);
    this.#turnAt = now;
    this.#begunTold = this.#begun;
    return this.news.turn(isLast, holdMs, now);
  }

  /** The object has taken a turn. */
  acknowledged(sent: Sent): void {
    this.#isHeard = true;
    this.news.acknowledged(sent);
    if (sent.turn.isLast) this.#isSettled = true;
  }

  /** The object does not answer: what was not told is lost, and what runs reports for itself. */
  givenUp(): void {
    this.#isOpen = false;
    this.#isSettled = true;
    this.news.givenUp();
  }

  /** True where it should be returned: for half a second, few of its slots were used. */
  takeUnused(now: number): boolean {
    if (now - this.#seenAt < TURN_MS) return false;
    const isUnused = this.#mostRunning < this.#slots / 4;
    this.#seenAt = now;
    this.#mostRunning = this.#running;
    return isUnused;
  }

  /** How long the next turn is to be held, by how fast calls came during the last one, ms. */
  #holdMs(now: number): number {
    if (this.news.turns === 0) return FIRST_TURN_MS;
    const begun = this.#begun - this.#begunTold;
    const eachMs = (now - this.#turnAt) / begun;
    return begun === 0
      ? TURN_MS
      : Math.min(TURN_MS, Math.max(LEAST_TURN_MS, CALLS_A_TURN * eachMs));
  }
}

/** The hold of one call on a borrowed slot. */
export class BorrowedSlot {
  readonly loan: Loan;
  readonly entry: Entry;
  readonly grant: Grant;
  /** Turns that the loan had sent at the last look. */
  #turnsSeen = -1;

  constructor(loan: Loan, entry: Entry, grant: Grant) {
    this.loan = loan;
    this.entry = entry;
    this.grant = grant;
  }

  /** True where the object knows the call, which then ends and is renewed like any other. */
  get isKnown(): boolean {
    return this.entry.told === 'begun';
  }

  /**
   * A look after the slot. True where whoever holds the loan has gone: not heard of for long by the
   * clock, or not since the last look, as a clock may go back.
   */
  isUnheld(now: number): boolean {
    const { isSettled, news } = this.loan;
    const { turns } = news;
    const isIdle = !isSettled && turns === this.#turnsSeen;
    this.#turnsSeen = turns;
    return isIdle || this.loan.isOverdue(now);
  }

  /** The call is over; `result`: absent where its client left before it was sent. */
  end(result: CallResult | undefined, now: number): void {
    this.loan.ended(this.entry, result, now);
  }
}
