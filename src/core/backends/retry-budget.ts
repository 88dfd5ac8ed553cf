/**
 * A budget of retries: each call earns a tenth of one, so that retries are at most 10 % of the traffic
 * and an endpoint that breaks is not buried under what comes again.
 */

/** Retries that a call earns. */
const EARNED = 0.1;
/** Retries saved up at most, and had at the start: a quiet backend can still retry. */
const MOST = 10;

export class RetryBudget {
  #left = MOST;

  /** A call came for the first time. */
  earn(): void {
    this.#left = Math.min(MOST, this.#left + EARNED);
  }

  /** True where a retry may be made; it is paid for then. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
