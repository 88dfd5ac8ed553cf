/**
 * How long an endpoint stays warm without calls. What is configured is the start: an endpoint that
 * was thought warm and answers cold has a shorter timeout, one that was thought cold and answers at
 * once a longer one. Bounded, since a crash also looks like a timeout.
 */

/** A cold answer sooner than this after a call is a crash, no timeout, ms. */
const LEAST_MS = 1_000;
/** An endpoint was seen cold after this share of a time: the timeout is taken to be shorter. */
const SHRINK_TO = 0.9;
/** By one observation it at most doubles; of the configured value it becomes four times at most. */
export const MOST_GROWTH = 2;
const MOST_OF_CONFIGURED = 4;

export class LearnedIdle {
  #learnedMs: number | undefined;

  /** The timeout to count on, ms. */
  ms(configuredMs: number): number {
    return Math.min(this.#learnedMs ?? configuredMs, configuredMs * MOST_OF_CONFIGURED);
  }

  /** True where no observation can make it longer. */
  isLongest(configuredMs: number): boolean {
    return this.ms(configuredMs) >= configuredMs * MOST_OF_CONFIGURED;
  }

  /** It was cold after so long without calls, ms. */
  wasCold(idleMs: number, configuredMs: number): void {
    if (idleMs < LEAST_MS) return;
    const shorter = Math.max(LEAST_MS, idleMs * SHRINK_TO);
    this.#learnedMs = Math.min(this.ms(configuredMs), shorter);
  }

  /** It was still warm after so long without calls, ms. */
  wasWarm(idleMs: number, configuredMs: number): void {
    const now = this.ms(configuredMs);
    if (idleMs > now) this.#learnedMs = Math.min(idleMs, now * MOST_GROWTH);
  }

  snapshot(): number | undefined {
    return this.#learnedMs;
  }

  restore(learnedMs: number | undefined): void {
    this.#learnedMs = learnedMs;
  }
}
