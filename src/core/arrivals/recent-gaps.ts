/**
 * The recent gaps between arrivals, as observed: an empirical distribution, not a rate
 * (gamma-rate.ts). Traffic comes in bursts: after an unusually long gap a longer one is likely,
 * whatever the mean rate is. So the probability of an arrival follows from the gaps that were at
 * least as long as the present one. Older gaps have less weight.
 */
import { decode, encode } from '../learning/log-code.ts';

const CAPACITY = 256;
/** The weight of a gap halves after this many further arrivals. */
const HALF_LIFE_GAPS = 128;
/** With fewer gaps the variation is not estimated. */
const MIN_GAPS = 10;
/** Weight of a gap by its age in arrivals. */
const WEIGHTS = Float64Array.from({ length: CAPACITY }, (_, age) => 0.5 ** (age / HALF_LIFE_GAPS));

export class RecentGaps {
  /** A ring of gaps in logarithmic codes (log-code.ts), the newest at `#next - 1`. */
  readonly #ring = new Uint16Array(CAPACITY);
  #size = 0;
  #next = 0;
  /** The dispersion; NaN where a gap was added since. */
  #dispersion = Number.NaN;

  get size(): number {
    return this.#size;
  }

  /** Adds the newest gap; the oldest is dropped where the ring is full. */
  add(gapMs: number): void {
    this.#ring[this.#next] = encode(Math.max(0, gapMs));
    this.#next = (this.#next + 1) % CAPACITY;
    this.#size = Math.min(CAPACITY, this.#size + 1);
    this.#dispersion = Number.NaN;
  }

  /** Weight of the gaps longer than `elapsedMs`, and of those that ended within `withinMs` more. */
  beyond(elapsedMs: number, withinMs: number): { beyond: number; within: number } {
    let beyond = 0;
    let within = 0;
    for (let age = 0; age < this.#size; age += 1) {
      const gap = this.#gapOf(age);
      if (gap <= elapsedMs) continue;
      const weight = WEIGHTS[age] ?? 0;
      beyond += weight;
      if (gap <= elapsedMs + withinMs) within += weight;
    }
    return { beyond, within };
  }

  /**
   * Squared coefficient of variation of the gaps: 1 for random arrivals, more for bursts, less for
   * fixed intervals; undefined where there are too few gaps.
   */
  get dispersion(): number | undefined {
    if (this.#size < MIN_GAPS) return undefined;
    if (Number.isNaN(this.#dispersion)) this.#dispersion = this.#measureDispersion();
    return this.#dispersion === Infinity ? undefined : this.#dispersion;
  }

  /**
   * Mean number of arrivals in the `withinMs` from an arrival that follows a gap of `pauseMs` or
   * more. The first counts 1, a later one the share of that time that is left.
   */
  crowd(pauseMs: number, withinMs: number): number {
    let weights = 0;
    let weightedWaits = 0;
    for (let age = this.#size - 1; age >= 0; age -= 1) {
      if (this.#gapOf(age) < pauseMs) continue;
      const weight = WEIGHTS[age] ?? 0;
      let waits = 1;
      let offsetMs = 0;
      for (let later = age - 1; later >= 0; later -= 1) {
        offsetMs += this.#gapOf(later);
        if (offsetMs >= withinMs) break;
        waits += 1 - offsetMs / withinMs;
      }
      weights += weight;
      weightedWaits += weight * waits;
    }
    return weights > 0 ? weightedWaits / weights : 1;
  }

  /** The gaps in ms, the oldest first. */
  snapshot(): number[] {
    return Array.from({ length: this.#size }, (_, i) => this.#gapOf(this.#size - 1 - i));
  }

  /** The squared coefficient of variation; Infinity where all gaps are 0. */
  #measureDispersion(): number {
    let [weights, mean, m2] = [0, 0, 0];
    for (let age = 0; age < this.#size; age += 1) {
      const weight = WEIGHTS[age] ?? 0;
      const gap = this.#gapOf(age);
      weights += weight;
      const delta = gap - mean;
      mean += (delta * weight) / weights;
      m2 += weight * delta * (gap - mean);
    }
    return mean > 0 ? m2 / weights / mean ** 2 : Infinity;
  }

  /** The gap `age` arrivals ago, ms; 0 is the newest. */
  #gapOf(age: number): number {
    return decode(this.#ring[(this.#next - 1 - age + CAPACITY) % CAPACITY] ?? 0);
  }
}
