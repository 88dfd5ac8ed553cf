/**
 * How long a run of an application is silent before it has ended, learned from the pauses between
 * its calls. Three times their 95th percentile: of a run that goes on, hardly any pause is longer.
 * While few pauses are known, an assumption holds, but never less than three times the longest.
 */

/** Pauses kept, the newest. */
const MAX_GAPS = 256;
const ENOUGH_GAPS = 20;
const QUANTILE = 0.95;
const FACTOR = 3;
/** What goes on after a longer pause counts as another run. */
export const LONGEST_SILENCE_MS = 900_000;

export interface SilenceBounds {
  /** Until enough pauses were seen, ms. */
  readonly assumedMs: number;
  /** Never less, ms. */
  readonly leastMs: number;
}

export class LearnedSilence {
  readonly #gapsMs: number[] = [];
  #next = 0;
  #typicalMs: number | undefined;

  /** A run paused for so long between two calls, and went on. */
  observe(gapMs: number): void {
    if (gapMs <= 0) return;
    this.#gapsMs[this.#next] = gapMs;
    this.#next = (this.#next + 1) % MAX_GAPS;
    this.#typicalMs = undefined;
  }

  /** Silence after which a run has ended, ms. */
  silenceMs({ assumedMs, leastMs }: SilenceBounds): number {
    this.#typicalMs ??= typicalOf(this.#gapsMs);
    const learnedMs = Math.min(LONGEST_SILENCE_MS, FACTOR * this.#typicalMs);
    return Math.max(this.#gapsMs.length < ENOUGH_GAPS ? assumedMs : leastMs, learnedMs);
  }
}

/** The longest of few, the 95th percentile of many. */
function typicalOf(gapsMs: readonly number[]): number {
  const sorted = [...gapsMs].sort((a, b) => a - b);
  const share = sorted.length < ENOUGH_GAPS ? 1 : QUANTILE;
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
