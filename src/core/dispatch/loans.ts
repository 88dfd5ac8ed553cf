/**
 * Slots that are lent to an isolate of the Worker, which then begins calls of its own on them for as
 * long as nobody waits: such a call needs no request to the tenant's object before its first byte. The
 * isolate reports its calls a moment later; a call that it has reported and that still runs has a lease
 * like any other, and its slot goes back to the loan when it ends.
 *
 * Invariants: lent slots count as held, so an endpoint never has more calls than slots; a loan is
 * recalled in the step in which a call of its backend waits, or its endpoint stops being one that a
 * call would be sent to; a slot of a loan is given back exactly once: with its return, or when nothing
 * was heard of the loan for too long (loan-silence.ts).
 */
import type { BackendRoster } from '../backends/backend-roster.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import { Lending } from './lending.ts';
import {
  type Loan,
  type LoanEffects,
  type LoanEvent,
  type LoanWish,
  MAX_LOAN_SLOTS,
  type StoredLoan,
} from './loan-events.ts';
import { SILENT_STEPS, silentStepMs } from './loan-silence.ts';

/** Part of the free slots that is lent: others find the rest at once. */
const LENT_PART = 1 / 2;
/** Most loans at a time. */
const MAX_LOANS = 64;
/** Longest time for which a loan goes on, ms: the request that holds it for its isolate has to end. */
const MAX_LOAN_MS = 15_000;
interface OpenLoan extends Loan {
  slots: number;
  /** Slots of calls that were reported and still run. */
  inUse: number;
  /** Since when, epoch ms. */
  lentAt: number;
  expiresAt: number;
  /** Steps in a row in which nothing was heard of it. */
  silentSteps: number;
  /** Its isolate was heard of since it was lent. */
  isHeard: boolean;
  isRecalled: boolean;
}

export class Loans {
  readonly #roster: BackendRoster;
  #leaseMs = Infinity;
  readonly #loans = new Map<string, OpenLoan>();
  readonly #lending = new Lending();

  constructor(roster: BackendRoster) {
    this.#roster = roster;
  }

  get ids(): Iterable<string> {
    return this.#loans.keys();
  }

  get size(): number {
    return this.#loans.size;
  }

  /** True where calls may go on to begin on it. */
  goesOn(loanId: string): boolean {
    return this.#loans.get(loanId)?.isRecalled === false;
  }

  /** When it was lent, or long before that where a restart has forgotten it, epoch ms. */
  lentAt(loanId: string): number {
    return this.#loans.get(loanId)?.lentAt ?? -Infinity;
  }

  /** When the next loan expires, epoch ms; Infinity for never. */
  get dueAt(): number {
    let dueAt = Infinity;
    for (const { expiresAt } of this.#loans.values()) dueAt = Math.min(dueAt, expiresAt);
    return dueAt;
  }

  apply(event: LoanEvent, now: number, effects: LoanEffects): void {
    switch (event.type) {
      case 'loan-asked': {
        const loan = this.#lend(event, now);
        if (loan) effects.push({ type: 'lent', ...loan });
        return;
      }
      case 'loan-renewed':
        return this.#renew(event.loanId, now);
      case 'loan-returned':
        this.#end(event.loanId, now);
        return;
      case 'loans-recalled':
        return this.#recallAll(effects);
      default:
        return event satisfies never;
    }
  }

  /** Applies a configuration, by which other calls may be allowed: all loans are recalled. */
  configure(leaseMs: number, effects: LoanEffects): void {
    this.#leaseMs = leaseMs;
    this.#recallAll(effects);
  }

  /** Lends slots, fewer than were asked for where fewer can be spared; undefined where none can. */
  #lend(wish: LoanWish, now: number): Loan | undefined {
    const { backend: name, endpoint: id, loanId } = wish;
    const backend = this.#roster.all.get(name);
    const endpoint = backend?.endpoints.get(id);
    if (!backend || !endpoint || this.#loans.size >= MAX_LOANS) return undefined;
    if (this.#loans.has(loanId) || !this.#lending.mayLend(backend, endpoint, now)) return undefined;
    const spare = Math.floor(endpoint.slots.freeAt(now) * LENT_PART);
    const slots = Math.min(Math.ceil(wish.slots), spare, MAX_LOAN_SLOTS);
    if (!(slots >= 1)) return undefined;
    const loan = { loanId, backend: name, endpoint: id, slots };
    return this.#open(loan, endpoint, now, false);
  }

  /** Restores a loan that was stored; its isolate is to be heard of from now on. */
  restore(stored: StoredLoan, now: number): void {
    const endpoint = this.#roster.holder(stored.backend, stored.endpoint, now);
    this.#open(stored, endpoint, now, true);
  }

  #stepMs({ isHeard }: OpenLoan): number {
    return silentStepMs(isHeard, this.#leaseMs);
  }

  #renew(loanId: string, now: number): void {
    const loan = this.#loans.get(loanId);
    if (!loan) return;
    loan.isHeard = true;
    loan.silentSteps = 0;
    loan.expiresAt = now + this.#stepMs(loan);
  }

  /** A call holds a slot of the loan from now on. False where the loan has none, or is over. */
  use(loanId: string): boolean {
    const loan = this.#loans.get(loanId);
    const endpoint = loan && this.#endpointOf(loan);
    if (!loan || !endpoint || loan.inUse >= loan.slots) return false;
    loan.inUse += 1;
    endpoint.slots.lent -= 1;
    return true;
  }

  /** Such a call has given its slot back. */
  giveBack(loanId: string): void {
    const loan = this.#loans.get(loanId);
    const endpoint = loan && this.#endpointOf(loan);
    if (!loan || !endpoint || loan.inUse === 0) return;
    loan.inUse -= 1;
    endpoint.slots.lent += 1;
  }

  /**
   * A call of the isolate that had a slot by itself has given it back: the loan keeps that, where it
   * may go on. It so grows to what its isolate uses, also where no slot is ever spare.
   */
  grow(loanId: string, endpointId: string, now: number, effects: LoanEffects): void {
    const loan = this.#loans.get(loanId);
    const endpoint = loan && this.#endpointOf(loan);
    if (!loan || !endpoint || loan.isRecalled || loan.endpoint !== endpointId) return;
    if (loan.slots >= MAX_LOAN_SLOTS || endpoint.slots.free < 1 || !this.#mayGoOn(loan, now))
      return;
    loan.slots += 1;
    endpoint.slots.lent += 1;
    const { backend, slots } = loan;
    effects.push({ type: 'loan-grown', loanId, backend, endpoint: endpointId, slots });
  }

  /** Takes back the slots that no reported call holds; later ends of its calls free their own. */
  #end(loanId: string, now: number): void {
    const loan = this.#loans.get(loanId);
    if (!loan) return;
    this.#loans.delete(loanId);
    const backend = this.#roster.all.get(loan.backend);
    this.#endpointOf(loan)?.lentBack(loan.slots - loan.inUse, now);
    if (backend) this.#roster.forgetIfDrained(backend, loan.endpoint);
  }

  /** An endpoint has failed a call or refused it: what it can serve is to be seen call by call. */
  failed(backend: string, now: number): void {
    if (this.#loans.size > 0) this.#lending.pause(this.#roster.all.get(backend), now);
  }

  /** Recalls the loans whose slots others need, and ends those that nothing was heard of. */
  review(now: number, effects: LoanEffects): void {
    for (const loan of [...this.#loans.values()]) {
      const { loanId, backend, endpoint } = loan;
      if (loan.expiresAt <= now) {
        loan.silentSteps += 1;
        loan.expiresAt = now + this.#stepMs(loan);
      }
      if (loan.silentSteps >= SILENT_STEPS) {
        this.#end(loanId, now);
        effects.push({ type: 'loan-over', loanId, backend, endpoint });
        continue;
      }
      if (loan.isRecalled) continue;
      const isOld = now - loan.lentAt > MAX_LOAN_MS;
      if (!isOld && this.#mayGoOn(loan, now)) continue;
      if (!isOld) this.#lending.pause(this.#roster.all.get(backend), now);
      this.#recall(loan, effects);
    }
  }

  #recallAll(effects: LoanEffects): void {
    for (const loan of this.#loans.values()) if (!loan.isRecalled) this.#recall(loan, effects);
  }

  clockWentBack(now: number): void {
    for (const loan of this.#loans.values()) {
      loan.expiresAt = Math.min(loan.expiresAt, now + this.#stepMs(loan));
      loan.lentAt = Math.min(loan.lentAt, now);
    }
  }

  /** `isOld`: it was lent before a restart. */
  #open(stored: StoredLoan, endpoint: Endpoint, now: number, isOld: boolean): Loan {
    const loan: OpenLoan = {
      ...stored,
      lentAt: isOld ? now - MAX_LOAN_MS : now,
      isHeard: isOld,
      expiresAt: 0,
      inUse: 0,
      isRecalled: false,
      silentSteps: 0,
    };
    loan.expiresAt = now + this.#stepMs(loan);
    this.#loans.set(loan.loanId, loan);
    endpoint.lent(loan.slots, now);
    return loan;
  }

  #recall(loan: OpenLoan, effects: LoanEffects): void {
    loan.isRecalled = true;
    const { loanId, backend, endpoint } = loan;
    effects.push({ type: 'loan-recalled', loanId, backend, endpoint });
  }

  #mayGoOn({ backend: name, endpoint: id }: Loan, now: number): boolean {
    const backend = this.#roster.all.get(name);
    const endpoint = backend?.endpoints.get(id);
    if (!backend || !endpoint) return false;
    return this.#lending.mayLend(backend, endpoint, now) && endpoint.slots.free >= 0;
  }

  #endpointOf({ backend, endpoint }: Loan): Endpoint | undefined {
    return this.#roster.all.get(backend)?.endpoints.get(endpoint);
  }
}
