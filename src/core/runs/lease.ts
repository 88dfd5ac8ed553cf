/** A granted slot with its expiry, as data; call-timers.ts in dispatch/ decides when it ends. */

/** Times are epoch ms. */
export interface Lease {
  /** Id of the endpoint within the call's backend. */
  readonly endpoint: string;
  readonly grantedAt: number;
  /** Its length from the grant and from each renewal, as its Worker was told, ms. */
  readonly lengthMs: number;
  /** End on which its Worker counts; the slot is taken back a little later. */
  expiresAt: number;
  /** The loan that the slot is part of, and goes back to; absent for a slot of the dispatcher's own. */
  loanId?: string;
  /** Its renewal is overdue: it ends if it is not renewed until its timer fires again. */
  doubted?: boolean;
}
