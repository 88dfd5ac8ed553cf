/**
 * The times between arrivals as they were seen. Traffic comes in bursts: after a pause that is longer
 * than usual another is likely, whatever the mean rate says. So the chance of an arrival is read off
 * the gaps that were at least as long as the present one; the older a gap, the less it counts.
 */
import { decode, encode } from '../learning/log-code.ts';

const CAPACITY = 256;
/** A gap counts half of one that came so many arrivals later. */
const HALF_LIFE_GAPS = 128;
/** Gaps of fewer say nothing about how they vary. */
const LEAST_GAPS = 10;
/** Weights by age in arrivals. */
const WEIGHTS = Float64Array.from({ length: CAPACITY }, (_, age) => 0.5 ** (age / HALF_LIFE_GAPS));

export class RecentGaps {
  /** In logarithmic codes, the newest at `#at - 1`. */
  readonly #ring = new Uint16Array(CAPACITY);
  #size = 0;
  #at = 0;

  get size(): number {
    return this.#size;
  }

  add(gapMs: number): void {
    this.#ring[this.#at] = encode(Math.max(0, gapMs));
    this.#at = (this.#at + 1) % CAPACITY;
    this.#size = Math.min(CAPACITY, this.#size + 1);
  }

  /** Weight of the gaps longer than `elapsedMs`, and of those of them that ended `withinMs` later. */
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
   * Squared coefficient of variation: 1 for arrivals at random, more for bursts, less for a clock's;
   * undefined of too few.
   */
  get dispersion(): number | undefined {
    if (this.#size < LEAST_GAPS) return undefined;
    let [weights, mean, m2] = [0, 0, 0];
    for (let age = 0; age < this.#size; age += 1) {
      const weight = WEIGHTS[age] ?? 0;
      const gap = this.#gapOf(age);
      weights += weight;
      const delta = gap - mean;
      mean += (delta * weight) / weights;
      m2 += weight * delta * (gap - mean);
    }
    return mean > 0 ? m2 / weights / mean ** 2 : undefined;
  }

  /**
   * How many arrivals share the wait when one comes after a pause of `pauseMs` or more and service
   * begins `withinMs` later: the first counts 1, a later one the part that is left of the time.
   */
  crowd(pauseMs: number, withinMs: number): number {
    let weights = 0;
    let sum = 0;
    for (let age = this.#size - 1; age >= 0; age -= 1) {
      if (this.#gapOf(age) < pauseMs) continue;
      const weight = WEIGHTS[age] ?? 0;
      let waits = 1;
      let offsetMs = 0;
      for (let next = age - 1; next >= 0; next -= 1) {
        offsetMs += this.#gapOf(next);
        if (offsetMs >= withinMs) break;
        waits += 1 - offsetMs / withinMs;
      }
      weights += weight;
      sum += weight * waits;
    }
    return weights > 0 ? sum / weights : 1;
  }

  /** Oldest first, ms. */
  snapshot(): number[] {
    return Array.from({ length: this.#size }, (_, i) => this.#gapOf(this.#size - 1 - i));
  }

  /** The gap so many arrivals ago; 0 for the newest. */
  #gapOf(age: number): number {
    return decode(this.#ring[(this.#at - 1 - age + CAPACITY) % CAPACITY] ?? 0);
  }
}
