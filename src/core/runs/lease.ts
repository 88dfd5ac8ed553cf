/** The slot that a call holds, until it ends or its lease does. */

/** A granted slot. */
export interface Lease {
  readonly endpoint: string;
  readonly grantedAt: number;
  /** How long it lasts from its grant and from each renewal, as its Worker was told, ms. */
  readonly lengthMs: number;
  /** Epoch ms up to which its Worker counts on it; it is taken back a little later. */
  expiresAt: number;
  /** It was not renewed when it should have been; the next time that it is due, it ends. */
  doubted?: boolean;
}
