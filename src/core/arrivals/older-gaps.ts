/**
 * Gaps between arrivals that are too many to be kept one by one, as a histogram by their logarithm
 * whose weights halve in five minutes. Fast traffic comes in bursts: hundreds of recent gaps may all
 * be of one burst, and only older ones tell how bursts end. The newest gaps are in recent-gaps.ts.
 */

/** The weight of a gap halves in this time, ms. */
const HALF_LIFE_MS = 300_000;
const BINS_PER_OCTAVE = 8;
const BINS = 256;
/** The mean of the gaps in each bin, ms. */
const VALUES = Float64Array.from({ length: BINS }, (_, bin) => 2 ** (bin / BINS_PER_OCTAVE) - 1);
/** Weights are kept relative to a fixed time, until they grow to this power of 2. */
const MAX_EXPONENT = 500;

/** Weight of a gap by the time since it ended. */
export function weightByTime(ageMs: number): number {
  return 0.5 ** (ageMs / HALF_LIFE_MS);
}

export class OlderGaps {
  /** Weights as of `#scaledAt`; those of gaps after it are above 1. */
  readonly #weights = new Float64Array(BINS);
  #scaledAt = 0;

  /** Adds a gap that ended at `at`, ms on any clock that does not go back. */
  add(gapMs: number, at: number): void {
    if (at - this.#scaledAt > MAX_EXPONENT * HALF_LIFE_MS) this.#rescale(at);
    const bin = Math.round(BINS_PER_OCTAVE * Math.log2(gapMs + 1));
    const i = Math.min(BINS - 1, Math.max(0, bin));
    this.#weights[i] = (this.#weights[i] ?? 0) + 1 / weightByTime(at - this.#scaledAt);
  }

  /** Calls `visit` with each gap and its weight at `now`, except where that is negligible. */
  each(now: number, visit: (gapMs: number, weight: number) => void): void {
    const scale = weightByTime(now - this.#scaledAt);
    for (let i = 0; i < BINS; i += 1) {
      const weight = (this.#weights[i] ?? 0) * scale;
      if (weight > 1e-4) visit(VALUES[i] ?? 0, weight);
    }
  }

  /** The weights at `now`. */
  snapshot(now: number): number[] {
    const scale = weightByTime(now - this.#scaledAt);
    const weights = Array.from(this.#weights, (weight) => Math.round(weight * scale * 1e3) / 1e3);
    return weights.slice(0, weights.findLastIndex((weight) => weight > 0) + 1);
  }

  restore(weights: readonly number[], now: number): void {
    this.#weights.fill(0);
    this.#weights.set(weights.slice(0, BINS));
    this.#scaledAt = now;
  }

  #rescale(at: number): void {
    const scale = weightByTime(at - this.#scaledAt);
    for (let i = 0; i < BINS; i += 1) this.#weights[i] = (this.#weights[i] ?? 0) * scale;
    this.#scaledAt = at;
  }
}
