/**
 * Keeps a loan for as long as it is used, and settles it: the turns in which the tenant's object is
 * told of its calls. One request of the isolate does that beside its own call, after its answer too.
 */
import type { TenantApi } from '../protocol/tenant.ts';
import { reliably } from './ask-reliably.ts';
import type { BorrowedSlot, Loan } from './loan.ts';

/** A request may go on for 30 s after its answer; another one borrows anew then, ms. */
const LONGEST_HOLD_MS = 10_000;

/** Resolves when the loan is settled; never rejects. */
export async function holdLoan(loan: Loan, stub: () => TenantApi): Promise<void> {
  const since = Date.now();
  try {
    while (loan.isOpen && Date.now() - since < LONGEST_HOLD_MS) {
      const sent = loan.turn(false, Date.now());
      const { goesOn } = await stub().loanTurn(sent.turn);
      loan.acknowledged(sent);
      if (!goesOn || loan.takeUnused(Date.now())) break;
    }
  } catch {
    // The object restarted, and has the loan from its storage.
  }
  await settleLoan(loan, stub);
}

/**
 * Returns the loan and tells the object of all of its calls. Those that still run have a lease of their
 * own afterwards, and report for themselves; those that end while it is asked are told in one more
 * turn. Never rejects.
 */
export async function settleLoan(loan: Loan, stub: () => TenantApi): Promise<void> {
  while (!loan.isSettled || loan.news.hasNews) {
    // Each attempt tells what is so now: of a call that ended since, no older news may come later.
    const sent = await reliably(stub, async (object) => {
      const turn = loan.turn(true, Date.now());
      await object.loanTurn(turn.turn);
      return turn;
    });
    if (!sent) return loan.givenUp();
    loan.acknowledged(sent);
  }
}

/** A call on a borrowed slot is over; mostly that is told in the holder's next turn. */
export async function endBorrowed(slot: BorrowedSlot, stub: () => TenantApi): Promise<void> {
  if (slot.loan.isSettled) await tell(slot, stub);
  else if (slot.loan.isOverdue(Date.now())) await settleLoan(slot.loan, stub);
}

/**
 * Sees to it that the slot of a running call is kept, where whoever holds the loan has gone or the
 * object could not be told. One that it knows has a lease, which is renewed.
 */
export async function keepBorrowed(slot: BorrowedSlot, stub: () => TenantApi): Promise<void> {
  const { loan } = slot;
  if (slot.isUnheld(Date.now())) await settleLoan(loan, stub);
  else if (loan.isSettled && !slot.isKnown) await tell(slot, stub);
}

async function tell(slot: BorrowedSlot, stub: () => TenantApi): Promise<void> {
  const sent = await reliably(stub, async (object) => {
    const turn = slot.loan.news.turnOf(slot.entry, Date.now());
    await object.loanTurn(turn.turn);
    return turn;
  });
  if (sent) slot.loan.acknowledged(sent);
}
