/**
 * Notices that a unit has changed: a two-sided CUSUM on log(actual / expected median), in units of
 * the usual deviation. A prompt that was rewritten or a model that was exchanged shifts every sample;
 * then the old ones must not outvote the new ones for days (docs/decisions.md, 16).
 */

/** Deviations below this are noise: half of the usual one. */
const SLACK = 0.5;
/** Sum of deviations at which a change is certain: about once in 10,000 visits by chance. */
const ALARM = 8;
/** A single visit says so much at most, in usual deviations: one giant is not a change. */
const MOST = 3;
/** Observations before there is a median to speak of. */
const WARM_UP = 10;
/** Share of a new observation in the median and the deviation, once they have settled. */
const SHARE = 0.02;
/** Deviation assumed at the least: counts of tokens are never equal. */
const LEAST_DEVIATION = 0.1;

export class DriftDetector {
  #median = 0;
  #deviation = 0;
  #seen = 0;
  #up = 0;
  #down = 0;

  /** Takes in a size (tokens or ms; not negative); true when the sizes have shifted. */
  observe(size: number): boolean {
    const x = Math.log1p(size);
    if (this.#seen < WARM_UP) {
      this.#settle(x, 1 / (this.#seen + 1));
      return false;
    }
    const scale = Math.max(LEAST_DEVIATION, this.#deviation);
    const z = Math.max(-MOST, Math.min(MOST, (x - this.#median) / scale));
    this.#up = Math.max(0, this.#up + z - SLACK);
    this.#down = Math.max(0, this.#down - z - SLACK);
    if (this.#up > ALARM || this.#down > ALARM) {
      this.#seen = 0;
      this.#up = 0;
      this.#down = 0;
      return true;
    }
    this.#settle(x, Math.max(SHARE, 1 / (this.#seen + 1)));
    return false;
  }

  /** The first ones by their mean; then each moves the median by the sign of its deviation. */
  #settle(x: number, share: number): void {
    const first = this.#seen < WARM_UP;
    const off = x - this.#median;
    if (this.#seen === 0) this.#deviation = 0;
    else this.#deviation += (Math.abs(off) - this.#deviation) * share;
    if (first) this.#median += off * share;
    else this.#median += Math.sign(off) * Math.min(Math.abs(off), this.#deviation) * share;
    this.#seen += 1;
  }
}
