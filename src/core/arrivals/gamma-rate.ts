/**
 * A Gamma-Poisson rate with decay: a counts events, b the seconds in which they were observed, and
 * P(none within t) = (b / (b + t))^a. Both decay alike, so the rate follows the traffic and the
 * forecast accounts for the uncertainty of few observations. It knows nothing of bursts: see
 * recent-gaps.ts.
 */

/** Half-life of the observations. */
const HALF_LIFE_MS = 7_200_000;
/** A weak prior: one event in ten minutes, with the weight of six seconds of observation. */
const PRIOR_NEEDS = 0.01;
const PRIOR_SECONDS = 6;

/** Events and observed seconds, both decayed up to `at` (epoch ms). */
export interface RateSnapshot {
  readonly needs: number;
  readonly seconds: number;
  readonly at: number;
  /** Both at the last event; absent in snapshots of older versions. */
  readonly atLast?: { readonly needs: number; readonly seconds: number };
}

export class GammaRate {
  #needs = PRIOR_NEEDS;
  #seconds = PRIOR_SECONDS;
  #at: number;
  /** Both at the last event: a silence is judged by the rate before it, which does not decay. */
  #needsAtLast = PRIOR_NEEDS;
  #secondsAtLast = PRIOR_SECONDS;

  constructor(now: number) {
    this.#at = now;
  }

  /** One event at `now`, epoch ms. */
  need(now: number): void {
    this.#decay(now);
    this.#needs += 1;
    this.#markLast();
  }

  /** Starts again after a change of the rate, from the events of the last `seconds` up to `now`. */
  restart(now: number, needs: number, seconds: number): void {
    this.#decay(now);
    this.#needs = PRIOR_NEEDS + needs;
    this.#seconds = PRIOR_SECONDS + seconds;
    this.#markLast();
  }

  /** Probability of at least one event within `withinMs`. */
  needProbability(now: number, withinMs: number): number {
    this.#decay(now);
    return 1 - (this.#seconds / (this.#seconds + withinMs / 1000)) ** this.#needs;
  }

  /**
   * Probability that chance alone brings as long a silence as the present one, `elapsedMs`. The rate
   * counts the silence as observed, but its events do not decay meanwhile: an event that is long ago
   * is no less certain.
   */
  silenceProbability(elapsedMs: number): number {
    const observed = this.#secondsAtLast + elapsedMs / 1000;
    return (observed / (observed + elapsedMs / 1000)) ** this.#needsAtLast;
  }

  /** Expected events per second. */
  ratePerSec(now: number): number {
    this.#decay(now);
    return this.#needs / this.#seconds;
  }

  /** Handles a clock that jumps back: observed time is counted from `now` on. */
  clockWentBack(now: number): void {
    this.#at = Math.min(this.#at, now);
  }

  snapshot(): RateSnapshot {
    const atLast = { needs: this.#needsAtLast, seconds: this.#secondsAtLast };
    return { needs: this.#needs, seconds: this.#seconds, at: this.#at, atLast };
  }

  restore(from: RateSnapshot): void {
    this.#needs = from.needs;
    this.#seconds = from.seconds;
    this.#at = from.at;
    const { needs, seconds } = from.atLast ?? from;
    this.#needsAtLast = needs;
    this.#secondsAtLast = seconds;
  }

  #markLast(): void {
    this.#needsAtLast = this.#needs;
    this.#secondsAtLast = this.#seconds;
  }

  #decay(now: number): void {
    const elapsedMs = Math.max(0, now - this.#at);
    if (elapsedMs === 0) return;
    const kept = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    this.#needs *= kept;
    // The elapsed time decays while it passes, so its weight is the integral of the decay.
    this.#seconds = this.#seconds * kept + ((1 - kept) * HALF_LIFE_MS) / Math.LN2 / 1000;
    this.#at = now;
  }
}
