/**
 * Detects that the rate of arrivals has risen: a CUSUM on the gaps, for a rate of three times the
 * base. It detects a rise to four times the base after about ten arrivals, while a decayed mean
 * needs half its half-life. Changes of a unit's demand are detected by learning/drift.ts.
 */

/** Factor of the rise that the CUSUM tests for. */
const RISE = 3;
/** Mean time between false alarms at the base rate, approximately. */
const FALSE_ALARM_MS = 12 * 3_600_000;
const MIN_THRESHOLD = 3;

export class RisingRate {
  #sum = 0;
  #gaps = 0;
  #elapsedMs = 0;

  /**
   * Adds a gap. Where it shows that the rate has risen, returns the number of gaps since the rise
   * began and the time that they cover; the test then starts again.
   */
  observe(gapMs: number, basePerMs: number): { gaps: number; elapsedMs: number } | undefined {
    this.#sum += Math.log(RISE) - (RISE - 1) * basePerMs * gapMs;
    this.#gaps += 1;
    this.#elapsedMs += gapMs;
    if (this.#sum <= 0) {
      this.#reset();
      return undefined;
    }
    if (this.#sum < Math.max(MIN_THRESHOLD, Math.log(basePerMs * FALSE_ALARM_MS))) return undefined;
    const rise = { gaps: this.#gaps, elapsedMs: this.#elapsedMs };
    this.#reset();
    return rise;
  }

  #reset(): void {
    this.#sum = 0;
    this.#gaps = 0;
    this.#elapsedMs = 0;
  }
}
