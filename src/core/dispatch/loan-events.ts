/** Loans of slots as data: their events and effects. The loans themselves are in loans.ts. */

/** Most slots of one loan. */
export const MAX_LOAN_SLOTS = 256;

export interface Loan {
  readonly loanId: string;
  readonly backend: string;
  readonly endpoint: string;
  /** Slots lent in all, those of its reported calls included. */
  readonly slots: number;
  /** When the present step of its silence ends, if nothing is heard of it, epoch ms. */
  readonly expiresAt: number;
}

/** A loan as it is stored. */
export type StoredLoan = Omit<Loan, 'expiresAt'>;

/** What an isolate asks for: slots of the endpoint that its last call was granted. */
export interface LoanWish {
  readonly loanId: string;
  readonly backend: string;
  readonly endpoint: string;
  readonly slots: number;
}

/** Slots that an isolate of the Worker borrows (loans.ts). */
export type LoanEvent =
  | ({ readonly type: 'loan-asked' } & LoanWish)
  /** Its isolate was heard of. */
  | { readonly type: 'loan-renewed'; readonly loanId: string }
  /** Its isolate begins no more calls on it; what it has not reported as running is free. */
  | { readonly type: 'loan-returned'; readonly loanId: string }
  /** All loans are recalled: what they are is not known for certain any more. */
  | { readonly type: 'loans-recalled' };

/** The slot on which a call began that is reported late. */
export interface OnLoan {
  readonly loanId: string;
  readonly endpoint: string;
  /** Epoch ms. */
  readonly at: number;
}

/** What becomes of a loan: `loan-over` where nothing was heard of it for as long as a lease lasts. */
export type LoanEffect =
  | ({ readonly type: 'lent' } & Loan)
  | ({ readonly type: 'loan-grown' } & StoredLoan)
  | {
      readonly type: 'loan-recalled' | 'loan-over';
      readonly loanId: string;
      readonly backend: string;
      readonly endpoint: string;
    };

/** Receives them; the dispatcher's own effects do. */
export interface LoanEffects {
  push(effect: LoanEffect): unknown;
}
