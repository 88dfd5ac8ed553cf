/**
 * What this isolate knows of one backend of a tenant to decide whether it borrows slots there: how many
 * calls come to it, how many of them run, and the loan that it has. Few calls gain nothing by a loan,
 * and slots that one isolate holds are recalled before another one's call gets them.
 */
import type { TenantConfig } from '../config/schema.ts';
import type { EnqueueRequest, Grant } from '../protocol/admission.ts';
import type { LoanTurn } from '../protocol/loans.ts';
import { mayBorrow } from './borrowers.ts';
import { type BorrowedSlot, Loan } from './loan.ts';

/** So many calls within so many ms are worth a loan. */
const WORTH_CALLS = 8;
const WORTH_MS = 250;
/** Time between two wishes, ms. */
const WISH_EVERY_MS = 100;
/** Slots that are asked for, over those of the calls that run. */
const MORE = 1.5;
/** Backends of tenants that are remembered. */
const MAX_BACKENDS = 1_000;

const isolate = new Map<string, LentSlots>();

/** The isolate's slots at a backend. */
export function lentSlots(tenant: string, backend: string): LentSlots {
  // A tenant's name contains no blank.
  const name = `${tenant} ${backend}`;
  let found = isolate.get(name);
  if (!found) {
    found = new LentSlots();
    isolate.set(name, found);
    if (isolate.size > MAX_BACKENDS) forgetOldest();
  }
  return found;
}

/** Calls and a loan that are under way keep what they need of it. */
function forgetOldest(): void {
  for (const name of isolate.keys()) {
    isolate.delete(name);
    return;
  }
}

/** What a call gets of its isolate. */
export interface Taken {
  /** A slot of the isolate's loan. */
  readonly slot?: BorrowedSlot;
  /** Slots to ask for. */
  readonly borrows?: number;
  /** A loan whose holder has gone, which is to be settled. */
  readonly overdue?: Loan;
}

export class LentSlots {
  #loan: Loan | undefined;
  #running = 0;
  /** When the last calls came, epoch ms: a ring. */
  readonly #cameAt = new Float64Array(WORTH_CALLS).fill(-Infinity);
  #came = 0;
  #wishedAt = -Infinity;
  /** The loan before, which may be about to be settled. */
  #former: Loan | undefined;

  /** A call wants a slot. It gets one of the loan, or asks the object. */
  take(request: EnqueueRequest, config: TenantConfig, now: number): Taken {
    const oldest = this.#cameAt[this.#came] ?? now;
    this.#cameAt[this.#came] = now;
    this.#came = (this.#came + 1) % WORTH_CALLS;
    const loan = this.#loan?.isOpen ? this.#loan : undefined;
    if (loan?.isOverdue(now)) {
      this.#loan = undefined;
      this.#former = loan;
      return { overdue: loan };
    }
    if (!loan && now - oldest > WORTH_MS) return {};
    if (!mayBorrow(request, config)) return {};
    const slot = loan?.begin(request, now);
    if (slot) return { slot };
    // Either way: a clock that went back must not end the wishes.
    if (loan || Math.abs(now - this.#wishedAt) < WISH_EVERY_MS) return {};
    this.#wishedAt = now;
    return { borrows: Math.ceil((this.#running + 1) * MORE) };
  }

  /** What the object has to know of the other calls of its run before it hears of the call. */
  untold({ call }: EnqueueRequest): LoanTurn[] {
    const now = Date.now();
    return [this.#former, this.#loan].flatMap((loan) => loan?.news.untold(call, now) ?? []);
  }

  /** A call has a slot, borrowed or not. */
  began(): void {
    this.#running += 1;
  }

  /** Such a call is over. */
  ended(): void {
    this.#running -= 1;
  }

  /** The loan that could use another slot of the endpoint. */
  loanAt(endpoint: string): Loan | undefined {
    const loan = this.#loan;
    return loan?.isOpen && loan.endpoint === endpoint && loan.wasFull ? loan : undefined;
  }

  /** The object lends slots: answers the loan, which is to be held. */
  accept(request: EnqueueRequest, grant: Grant, config: TenantConfig): Loan | undefined {
    const { loan: offer } = grant;
    if (!offer) return undefined;
    const { version } = request;
    const loan = new Loan({ offer, grant, version, config }, Date.now());
    // A second loan, of a wish that crossed with another, goes back unused.
    if (this.#loan?.isOpen) loan.close();
    else {
      this.#former = this.#loan;
      this.#loan = loan;
    }
    return loan;
  }
}
