/**
 * Notices that arrivals come faster than they did: a CUSUM on the gaps for a rate of three times the
 * base. It needs about ten arrivals to notice a rise to four times, where a decayed mean needs half
 * its half-life.
 */

/** The rise that it looks for. */
const RISE = 3;
/** About one false alarm in so long at the base rate. */
const FALSE_ALARM_MS = 12 * 3_600_000;
const LEAST_THRESHOLD = 3;

export class RisingRate {
  #sum = 0;
  #gaps = 0;
  #elapsedMs = 0;

  /**
   * Takes in a gap; when the rate has risen, the arrivals since it began to and the time in which
   * they came.
   */
  observe(gapMs: number, basePerMs: number): { gaps: number; elapsedMs: number } | undefined {
    this.#sum += Math.log(RISE) - (RISE - 1) * basePerMs * gapMs;
    this.#gaps += 1;
    this.#elapsedMs += gapMs;
    if (this.#sum <= 0) {
      this.#reset();
      return undefined;
    }
    if (this.#sum < Math.max(LEAST_THRESHOLD, Math.log(basePerMs * FALSE_ALARM_MS)))
      return undefined;
    const since = { gaps: this.#gaps, elapsedMs: this.#elapsedMs };
    this.#reset();
    return since;
  }

  #reset(): void {
    this.#sum = 0;
    this.#gaps = 0;
    this.#elapsedMs = 0;
  }
}
