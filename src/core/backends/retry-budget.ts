/**
 * The retry budget of a backend: each call earns a tenth of a retry, so retries are at most 10 % of
 * the traffic and do not overload an endpoint that fails. Whether one call may be retried is
 * decided in dispatch/retry.ts.
 */

/** Retries that each call earns. */
const EARNED_PER_CALL = 0.1;
/** Maximum and initial balance in retries: a backend with little traffic can still retry. */
const MAX_RETRIES = 10;

export class RetryBudget {
  #balance = MAX_RETRIES;

  /** Credits a call at its submission; its retries earn nothing. */
  earn(): void {
    this.#balance = Math.min(MAX_RETRIES, this.#balance + EARNED_PER_CALL);
  }

  /** Charges one retry. False, without a charge, where the balance is below one. */
  spend(): boolean {
    if (this.#balance < 1) return false;
    this.#balance -= 1;
    return true;
  }
}
