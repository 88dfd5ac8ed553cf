/**
 * The silence after which a run of an application counts as ended, learned from the pauses between
 * its calls: three times their 95th percentile, because hardly any pause of a run that goes on is
 * longer. While few pauses are known, a configured assumption applies, but at least three times the
 * longest pause.
 */

/** Number of pauses kept, the newest. */
const MAX_GAPS = 256;
const MIN_GAPS = 20;
const QUANTILE = 0.95;
const FACTOR = 3;
/** Upper bound, ms: what follows a longer pause counts as another run. */
export const LONGEST_SILENCE_MS = 900_000;

export interface SilenceBounds {
  /** Used until enough pauses were observed, ms. */
  readonly assumedMs: number;
  /** Lower bound, ms. */
  readonly leastMs: number;
}

export class LearnedSilence {
  /** A ring of pauses; `#next` is where the next one goes. */
  readonly #gapsMs: number[] = [];
  #next = 0;
  /** Cached until the next pause. */
  #typicalMs: number | undefined;

  /** Adds a pause between two calls of a run. */
  observe(gapMs: number): void {
    if (gapMs <= 0) return;
    this.#gapsMs[this.#next] = gapMs;
    this.#next = (this.#next + 1) % MAX_GAPS;
    this.#typicalMs = undefined;
  }

  /** Silence after which a run counts as ended, ms. */
  silenceMs({ assumedMs, leastMs }: SilenceBounds): number {
    this.#typicalMs ??= typicalOf(this.#gapsMs);
    const learnedMs = Math.min(LONGEST_SILENCE_MS, FACTOR * this.#typicalMs);
    return Math.max(this.#gapsMs.length < MIN_GAPS ? assumedMs : leastMs, learnedMs);
  }
}

/** The longest pause where there are few, else the 95th percentile, ms. */
function typicalOf(gapsMs: readonly number[]): number {
  const sorted = [...gapsMs].sort((a, b) => a - b);
  const share = sorted.length < MIN_GAPS ? 1 : QUANTILE;
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
