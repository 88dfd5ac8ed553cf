/**
 * The learned idle timeout: how long an endpoint stays warm without calls. It starts from the
 * configured value. An endpoint that was expected warm but answers cold has a shorter timeout; one
 * that was expected cold but answers at once has a longer one. The value is bounded, because a
 * crash also looks like a timeout.
 */

/** A cold answer sooner than this after a call is a crash, not a timeout, ms. */
const MIN_MS = 1_000;
/** An endpoint that was cold after an idle time gets this share of that time as its timeout. */
const SHRINK_SHARE = 0.9;
/** One observation at most doubles the timeout, up to four times the configured value. */
export const MOST_GROWTH = 2;
const MAX_TIMES_CONFIGURED = 4;

export class LearnedIdle {
  #learnedMs: number | undefined;

  /** The timeout in use, ms. */
  ms(configuredMs: number): number {
    return Math.min(this.#learnedMs ?? configuredMs, configuredMs * MAX_TIMES_CONFIGURED);
  }

  /** True where no observation can lengthen the timeout. */
  isLongest(configuredMs: number): boolean {
    return this.ms(configuredMs) >= configuredMs * MAX_TIMES_CONFIGURED;
  }

  /** The endpoint was cold after `idleMs` without calls. */
  wasCold(idleMs: number, configuredMs: number): void {
    if (idleMs < MIN_MS) return;
    const shorterMs = Math.max(MIN_MS, idleMs * SHRINK_SHARE);
    this.#learnedMs = Math.min(this.ms(configuredMs), shorterMs);
  }

  /** The endpoint was still warm after `idleMs` without calls. */
  wasWarm(idleMs: number, configuredMs: number): void {
    const currentMs = this.ms(configuredMs);
    if (idleMs > currentMs) this.#learnedMs = Math.min(idleMs, currentMs * MOST_GROWTH);
  }

  snapshot(): number | undefined {
    return this.#learnedMs;
  }

  restore(learnedMs: number | undefined): void {
    this.#learnedMs = learnedMs;
  }
}
