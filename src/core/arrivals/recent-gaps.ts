/**
 * The gaps between arrivals, as observed: an empirical distribution, not a rate (gamma-rate.ts).
 * Traffic comes in bursts: after an unusually long gap a longer one is likely, whatever the mean rate
 * is. So the probability of an arrival follows from the gaps that were at least as long as the
 * present one. The newest are kept one by one, what is left of older ones in older-gaps.ts.
 */
import { decode, encode } from '../learning/log-code.ts';
import { OlderGaps, weightByTime } from './older-gaps.ts';

const CAPACITY = 256;
/** The weight of a gap halves after this many further arrivals, or in five minutes if that is longer. */
const HALF_LIFE_GAPS = 128;
/** With fewer gaps the variation is not estimated. */
const MIN_GAPS = 10;
/** Weight of a gap by its age in arrivals. */
const WEIGHTS = Float64Array.from({ length: CAPACITY }, (_, age) => 0.5 ** (age / HALF_LIFE_GAPS));

export class RecentGaps {
  /** A ring of gaps in logarithmic codes (log-code.ts), the newest at `#next - 1`. */
  readonly #ring = new Uint16Array(CAPACITY);
  readonly #older = new OlderGaps();
  #size = 0;
  #next = 0;
  /** The sum of all gaps so far, ms: the time of the newest arrival. */
  #clockMs = 0;
  /** The sum of the gaps in the ring, ms. */
  #ringMs = 0;
  /** Gaps of the ring, their weights and what follows from them; valid until a gap is added. */
  readonly #gaps = new Float64Array(CAPACITY);
  readonly #weights = new Float64Array(CAPACITY);
  #dispersion: number | undefined;
  #isRead = false;

  get size(): number {
    return this.#size;
  }

  /** Adds the newest gap; the oldest leaves the ring where that is full. */
  add(gapMs: number): void {
    if (this.#size === CAPACITY) {
      const oldest = decode(this.#ring[this.#next] ?? 0);
      this.#ringMs = Math.max(0, this.#ringMs - oldest);
      this.#older.add(oldest, this.#clockMs - this.#ringMs);
    }
    const code = encode(Math.max(0, gapMs));
    this.#ring[this.#next] = code;
    this.#next = (this.#next + 1) % CAPACITY;
    this.#size = Math.min(CAPACITY, this.#size + 1);
    this.#clockMs += decode(code);
    this.#ringMs += decode(code);
    this.#isRead = false;
  }

  /** Weight of the gaps longer than `elapsedMs`, and of those that ended within `withinMs` more. */
  beyond(elapsedMs: number, withinMs: number): { beyond: number; within: number } {
    let beyond = 0;
    let within = 0;
    this.#each((gap, weight) => {
      if (gap <= elapsedMs) return;
      beyond += weight;
      if (gap <= elapsedMs + withinMs) within += weight;
    });
    return { beyond, within };
  }

  /**
   * Squared coefficient of variation of the gaps: 1 for random arrivals, more for bursts, less for
   * fixed intervals; undefined where there are too few gaps.
   */
  get dispersion(): number | undefined {
    if (this.#size < MIN_GAPS) return undefined;
    this.#read();
    return this.#dispersion;
  }

  /**
   * Mean number of arrivals in the `withinMs` from an arrival that follows a gap of `pauseMs` or
   * more. The first counts 1, a later one the share of that time that is left.
   */
  crowd(pauseMs: number, withinMs: number): number {
    this.#read();
    let weights = 0;
    let weightedWaits = 0;
    for (let age = this.#size - 1; age >= 0; age -= 1) {
      if ((this.#gaps[age] ?? 0) < pauseMs) continue;
      const weight = WEIGHTS[age] ?? 0;
      let waits = 1;
      let offsetMs = 0;
      for (let later = age - 1; later >= 0; later -= 1) {
        offsetMs += this.#gaps[later] ?? 0;
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
    this.#read();
    return Array.from(this.#gaps.subarray(0, this.#size)).reverse();
  }

  /** What is left of the gaps before those: weights by length. */
  olderSnapshot(): number[] {
    return this.#older.snapshot(this.#clockMs);
  }

  /** Restores the gaps, the oldest first, and the weights of older ones. */
  restore(gapsMs: readonly number[], older: readonly number[] = []): void {
    for (const gapMs of gapsMs) this.add(gapMs);
    if (older.length > 0) this.#older.restore(older, this.#clockMs);
  }

  #each(visit: (gapMs: number, weight: number) => void): void {
    this.#read();
    for (let age = 0; age < this.#size; age += 1) {
      visit(this.#gaps[age] ?? 0, this.#weights[age] ?? 0);
    }
    this.#older.each(this.#clockMs, visit);
  }

  /** Reads the ring after a gap was added: gaps by age, 0 for the newest, and their weights. */
  #read(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    let ageMs = 0;
    for (let age = 0; age < this.#size; age += 1) {
      const gap = decode(this.#ring[(this.#next - 1 - age + CAPACITY) % CAPACITY] ?? 0);
      this.#gaps[age] = gap;
      this.#weights[age] = Math.max(WEIGHTS[age] ?? 0, weightByTime(ageMs));
      ageMs += gap;
    }
    this.#dispersion = this.#size < MIN_GAPS ? undefined : this.#measureDispersion();
  }

  #measureDispersion(): number | undefined {
    let [weights, mean, m2] = [0, 0, 0];
    this.#each((gap, weight) => {
      weights += weight;
      const delta = gap - mean;
      mean += (delta * weight) / weights;
      m2 += weight * delta * (gap - mean);
    });
    return mean > 0 ? m2 / weights / mean ** 2 : undefined;
  }
}
