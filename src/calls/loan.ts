/**
 * One loan: slots of an endpoint on which this isolate begins calls without asking the tenant's
 * object, and what it has to tell of those calls. Any request of the isolate may use it; it does no
 * I/O of its own, since a request cannot wait for what another one asked.
 */
import { runIdFor } from '../config/permissions.ts';
import type { TenantConfig } from '../config/schema.ts';
import type {
  CallRequest,
  CallResult,
  EnqueueRequest,
  Grant,
  LoanOffer,
} from '../protocol/admission.ts';
import {
  type BorrowedCall,
  type BorrowedEnd,
  type LoanTurn,
  type LoanWord,
  TURN_MS,
} from '../protocol/loans.ts';

/** No call begins where the last turn is longer ago, ms: the object may have given the loan up. */
const HEARD_WITHIN_MS = 3_000;
/**
 * Longest lease that a call on a borrowed slot counts on, ms: it looks after its slot each third of
 * it, and so before the object gives a loan up of which it hears nothing.
 */
const LOOKED_AFTER_MS = 30_000;
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

const NONE: readonly string[] = [];

/** Of which grant, and by which configuration, the slots are. */
export interface LoanTerms {
  readonly offer: LoanOffer;
  readonly grant: Grant;
  readonly version: number;
  readonly config: TenantConfig;
}

/** What of a call the object was told. */
type Told = 'nothing' | 'begun' | 'all';

interface Entry {
  readonly request: EnqueueRequest;
  readonly at: number;
  ended?: BorrowedEnd;
  told: Told;
}

/** What is sent in a turn, and how far each call was when it was sent. */
export interface Sent {
  readonly turn: LoanTurn;
  readonly entries: ReadonlyArray<readonly [Entry, Told]>;
}

export class Loan {
  readonly #terms: LoanTerms;
  readonly #calls = new Map<string, Entry>();
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
  #turns = 0;
  /** Applications whose calls have to ask. */
  #without: readonly string[];

  constructor(terms: LoanTerms, now: number) {
    this.#terms = terms;
    this.#slots = terms.offer.slots;
    this.#without = terms.offer.without ?? NONE;
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
    if (this.#without.includes(request.call.app)) return undefined;
    if (this.isOverdue(now) || this.#calls.size >= MAX_CALLS) return undefined;
    if (this.#running >= this.#slots) {
      this.#wasFull = true;
      return undefined;
    }
    const entry: Entry = { request, at: now, told: 'nothing' };
    this.#calls.set(request.call.callId, entry);
    this.#running += 1;
    this.#begun += 1;
    this.#mostRunning = Math.max(this.#mostRunning, this.#running);
    return new BorrowedSlot(this, entry, this.#grantOf(request, now));
  }

  /** A call of it is over; only the first word of that counts. */
  ended(entry: Entry, result: CallResult | undefined, now: number): void {
    if (entry.ended) return;
    entry.ended = { at: now, ...(result ? { result } : {}) };
    this.#running -= 1;
    // It tells of its end itself.
    if (this.#isSettled) this.#calls.delete(entry.request.call.callId);
  }

  /** True where whoever holds the loan has not been heard of for long. */
  isOverdue(now: number): boolean {
    // Either way: a clock that went back must not prolong it.
    return !this.#isSettled && Math.abs(now - this.#turnAt) > HEARD_WITHIN_MS;
  }

  /**
   * The next turn: all that the object may not know. The last one has all calls that run, too: an
   * object that died since has forgotten those that it was told of.
   */
  turn(isLast: boolean, now: number): Sent {
    if (isLast) this.#isOpen = false;
    const holdMs = this.#holdMs(now);
    this.#turnAt = now;
    this.#begunTold = this.#begun;
    this.#turns += 1;
    const entries: Array<readonly [Entry, Told]> = [];
    const calls: BorrowedCall[] = [];
    for (const entry of this.#calls.values()) {
      if (!entry.ended && entry.told === 'begun' && !isLast) continue;
      if (entry.ended) entry.ended = { turn: this.#turns, ...entry.ended };
      entries.push([entry, farthest(entry)]);
      calls.push(borrowedCall(entry));
    }
    const number = this.#turns;
    return { turn: { ...this.#names, number, sentAt: now, calls, holdMs, isLast }, entries };
  }

  /**
   * What the object may not know of the run to which a call belongs that it is asked for; undefined
   * where it knows all. The next turn tells of it as well.
   */
  untold({ runId, parentRunId }: CallRequest, now: number): LoanTurn | undefined {
    const calls: BorrowedCall[] = [];
    for (const entry of this.#calls.values()) {
      const { request, ended, told } = entry;
      const { runId: id } = request.call;
      if ((id !== runId && id !== parentRunId) || (told === 'begun' && !ended)) continue;
      calls.push(borrowedCall(entry));
      if (ended) entry.ended = { ...ended, isRepeated: true };
    }
    if (calls.length === 0) return undefined;
    return { ...this.#names, sentAt: now, calls, isLast: false };
  }

  /** The turn of one call, after the loan was settled. */
  turnOf({ entry }: BorrowedSlot, now: number): Sent {
    const calls = [borrowedCall(entry)];
    const turn = { ...this.#names, sentAt: now, calls, isLast: true };
    return { turn, entries: [[entry, farthest(entry)]] };
  }

  /** The call goes on as one of the object's own: nothing more is told of it here. */
  leave({ entry }: BorrowedSlot): void {
    this.#calls.delete(entry.request.call.callId);
  }

  /** The object has taken a turn. `word`: what it answered. */
  acknowledged({ entries, turn }: Sent, word?: LoanWord): void {
    this.#without = word?.without ?? NONE;
    for (const [entry, told] of entries) {
      entry.told = told;
      if (told === 'all') this.#calls.delete(entry.request.call.callId);
    }
    if (turn.isLast) this.#isSettled = true;
  }

  /** The object does not answer: what was not told is lost, and what runs reports for itself. */
  givenUp(): void {
    this.#isOpen = false;
    this.#isSettled = true;
    for (const [callId, { ended }] of this.#calls) if (ended) this.#calls.delete(callId);
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
    if (this.#turns === 0) return FIRST_TURN_MS;
    const begun = this.#begun - this.#begunTold;
    const eachMs = (now - this.#turnAt) / begun;
    return begun === 0
      ? TURN_MS
      : Math.min(TURN_MS, Math.max(LEAST_TURN_MS, CALLS_A_TURN * eachMs));
  }

  get #names(): Pick<LoanTurn, 'loanId' | 'endpoint'> {
    const { offer, grant } = this.#terms;
    return { loanId: offer.loanId, endpoint: grant.endpoint };
  }

  /** True where a call has ended of which the object was not told. */
  get hasNews(): boolean {
    for (const { ended } of this.#calls.values()) if (ended) return true;
    return false;
  }

  /** The grant of a call on a borrowed slot: what the object would have answered at once. */
  #grantOf({ call, keyId }: EnqueueRequest, now: number): Grant {
    const { grant, config } = this.#terms;
    const { endpoint, address, endpointState } = grant;
    const leaseMs = Math.min(grant.leaseMs, LOOKED_AFTER_MS);
    const runId = call.sole ? call.runId : runIdFor(config, keyId, call.runId);
    return {
      status: 'granted',
      endpoint,
      address,
      leaseMs,
      ...(endpointState === undefined ? {} : { endpointState }),
      expiresAt: now + leaseMs,
      waitedMs: 0,
      coldMs: 0,
      // Nobody waited, so no rank was needed and nobody can overtake it.
      rankMs: 0,
      boundMs: 0,
      facts: { app: call.app, runId, unit: call.unit, position: 0, attempts: 1 },
    };
  }
}

/** A call as it is told. */
function borrowedCall({ request, at, ended }: Entry): BorrowedCall {
  return { request, at, ...(ended ? { ended } : {}) };
}

/** What the object knows of a call once that is told. */
function farthest({ ended }: Entry): Told {
  return ended ? 'all' : 'begun';
}

/** The hold of one call on a borrowed slot. */
export class BorrowedSlot {
  readonly loan: Loan;
  readonly entry: Entry;
  readonly grant: Grant;

  constructor(loan: Loan, entry: Entry, grant: Grant) {
    this.loan = loan;
    this.entry = entry;
    this.grant = grant;
  }

  /** True where the object knows the call, which then ends and is renewed like any other. */
  get isKnown(): boolean {
    return this.entry.told === 'begun';
  }

  /** The call is over; `result`: absent where its client left before it was sent. */
  end(result: CallResult | undefined, now: number): void {
    this.loan.ended(this.entry, result, now);
  }
}
