/**
 * How often something comes: a Gamma-Poisson rate with decay. a counts needs, b the seconds in which
 * they came, and both are forgotten alike, so the forecast follows the traffic and knows how little
 * it knows. P(none within t) = (b / (b + t))^a.
 */

/** Half of what was seen is forgotten in this time. */
const HALF_LIFE_MS = 7_200_000;
/** A weak prior: one need in ten minutes was seen for six seconds. */
const PRIOR_NEEDS = 0.01;
const PRIOR_SECONDS = 6;

export interface RateSnapshot {
  readonly needs: number;
  readonly seconds: number;
  readonly at: number;
}

export class GammaRate {
  #needs = PRIOR_NEEDS;
  #seconds = PRIOR_SECONDS;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** One more came. */
  need(now: number): void {
    this.#decay(now);
    this.#needs += 1;
  }

  /** The rate has changed: only these arrivals, in the time up to now, tell of it. */
  restart(now: number, needs: number, seconds: number): void {
    this.#decay(now);
    this.#needs = PRIOR_NEEDS + needs;
    this.#seconds = PRIOR_SECONDS + seconds;
  }

  /** Probability that at least one need comes within `withinMs`. */
  needProbability(now: number, withinMs: number): number {
    this.#decay(now);
    return 1 - (this.#seconds / (this.#seconds + withinMs / 1000)) ** this.#needs;
  }

  /** Expected needs in a second. */
  ratePerSec(now: number): number {
    this.#decay(now);
    return this.#needs / this.#seconds;
  }

  /** The clock went back. */
  clockWentBack(now: number): void {
    this.#at = Math.min(this.#at, now);
  }

  snapshot(): RateSnapshot {
    return { needs: this.#needs, seconds: this.#seconds, at: this.#at };
  }

  restore(from: RateSnapshot): void {
    this.#needs = from.needs;
    this.#seconds = from.seconds;
    this.#at = from.at;
  }

  #decay(now: number): void {
    const elapsedMs = Math.max(0, now - this.#at);
    if (elapsedMs === 0) return;
    const keep = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    this.#needs *= keep;
    // The elapsed time is forgotten while it passes: the integral of the decay, not the time itself.
    this.#seconds = this.#seconds * keep + ((1 - keep) * HALF_LIFE_MS) / Math.LN2 / 1000;
    this.#at = now;
  }
}
