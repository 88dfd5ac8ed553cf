/**
 * Detects that a unit's demand has changed: a two-sided CUSUM on log(actual / expected median), in
 * units of the usual deviation. A rewritten prompt or an exchanged model shifts all new samples;
 * the old ones must not outweigh them for days (docs/decisions.md, 16). A rising rate of arrivals
 * is detected by arrivals/rising-rate.ts.
 */

/** Part of each deviation that counts as noise, in usual deviations. */
const SLACK = 0.5;
/** Sum of deviations that counts as a change; reached by chance about once in 10,000 visits. */
const ALARM = 8;
/** Limit of one observation, in usual deviations: a single outlier is not a change. */
const MAX_DEVIATION = 3;
/** Observations before the median is used. */
const WARM_UP = 10;
/** Minimum weight of a new observation in the median and the deviation. */
const MIN_WEIGHT = 0.02;
/** Minimum deviation: token counts always vary a little. */
const MIN_DEVIATION = 0.1;

export class DriftDetector {
  #median = 0;
  #deviation = 0;
  #seen = 0;
  #up = 0;
  #down = 0;

  /**
   * Adds a size (tokens or ms, at least 0). True where sizes have shifted; then it starts again.
   */
  observe(size: number): boolean {
    const x = Math.log1p(size);
    if (this.#seen < WARM_UP) {
      this.#update(x, 1 / (this.#seen + 1));
      return false;
    }
    const scale = Math.max(MIN_DEVIATION, this.#deviation);
    const z = Math.max(-MAX_DEVIATION, Math.min(MAX_DEVIATION, (x - this.#median) / scale));
    this.#up = Math.max(0, this.#up + z - SLACK);
    this.#down = Math.max(0, this.#down - z - SLACK);
    if (this.#up > ALARM || this.#down > ALARM) {
      this.#seen = 0;
      this.#up = 0;
      this.#down = 0;
      return true;
    }
    this.#update(x, Math.max(MIN_WEIGHT, 1 / (this.#seen + 1)));
    return false;
  }

  /**
   * Updates the median and the deviation. The first observations set the median to their mean;
   * later ones move it a step in their direction.
   */
  #update(x: number, weight: number): void {
    const isWarmUp = this.#seen < WARM_UP;
    const offset = x - this.#median;
    if (this.#seen === 0) this.#deviation = 0;
    else this.#deviation += (Math.abs(offset) - this.#deviation) * weight;
    if (isWarmUp) this.#median += offset * weight;
    else this.#median += Math.sign(offset) * Math.min(Math.abs(offset), this.#deviation) * weight;
    this.#seen += 1;
  }
}
