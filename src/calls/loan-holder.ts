/**
 * Keeps a loan for as long as it is used, and settles it: the turns in which the tenant's object is
 * told of its calls. One request of the isolate does that beside its own call, after its answer too.
 */
import { logFailure } from '../protocol/log-line.ts';
import type { TenantApi } from '../protocol/tenant.ts';
import { reliably } from './ask-reliably.ts';
import type { BorrowedSlot, Loan } from './loan.ts';

/** A request may go on for 30 s after its answer; another one borrows anew then, ms. */
const LONGEST_HOLD_MS = 10_000;
/** Last turns, each for calls that ended during the one before. */
const MOST_LAST_TURNS = 8;

/** Resolves when the loan is settled; never rejects. */
export async function holdLoan(loan: Loan, stub: () => TenantApi): Promise<void> {
  const since = Date.now();
  try {
    while (loan.isOpen && Date.now() - since < LONGEST_HOLD_MS) {
      const sent = loan.turn(false, Date.now());
      const { goesOn } = await stub().loanTurn(sent.turn);
      loan.acknowledged(sent);
      if (!goesOn || loan.takeUnused()) break;
    }
  } catch {
    // The object restarted, and has the loan from its storage.
  }
  await settleLoan(loan, stub);
}

/**
 * Returns the loan and tells the object of all of its calls; those that still run have a lease of their
 * own afterwards. `also`: a call that the object must know then. Never rejects.
 */
export async function settleLoan(
  loan: Loan,
  stub: () => TenantApi,
  also?: BorrowedSlot,
): Promise<void> {
  for (let turn = 1; turn <= MOST_LAST_TURNS && !(loan.isSettled && !also); turn += 1) {
    const sent = loan.turn(true, Date.now(), also);
    const word = await reliably(stub, (object) => object.loanTurn(sent.turn));
    if (!word) return loan.givenUp();
    loan.acknowledged(sent);
    also = undefined;
  }
  if (!loan.isSettled) {
    logFailure('loan_not_settled', new Error('calls ended in each of its last turns'));
    loan.givenUp();
  }
}

/** A call on a borrowed slot is over; mostly that is told in the holder's next turn. */
export async function endBorrowed(slot: BorrowedSlot, stub: () => TenantApi): Promise<void> {
  const { loan } = slot;
  if (loan.isSettled) {
    const sent = loan.turnOf(slot);
    const word = await reliably(stub, (object) => object.loanTurn(sent.turn));
    if (word) loan.acknowledged(sent);
  } else if (loan.isOverdue(Date.now())) await settleLoan(loan, stub);
}
