/** The runs that arrived last: how often runs come, and of which applications. */
import type { Random } from '../learning/random.ts';

/** Arrivals that are remembered. */
const KEPT = 64;
/** After a silence of so many usual gaps, runs are taken to come less often. */
const SILENT_GAPS = 3;
/** Time that is added to the one in which they came: a few at once are no rate, ms. */
const ADDED_MS = 1_000;

/** A run that arrived, by its first visit. */
export interface Arrival {
  readonly at: number;
  readonly app: string;
  readonly unit: string;
  readonly visit: 1;
}

export class RecentArrivals {
  readonly #ring: Arrival[] = [];
  #next = 0;

  add(arrival: Arrival): void {
    this.#ring[this.#next] = arrival;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Mean time between arrivals, ms; Infinity where fewer than two are known. */
  gapMs(now: number): number {
    const n = this.#ring.length;
    if (n < 2) return Infinity;
    const oldest = this.#ring[n < KEPT ? 0 : this.#next];
    const newest = this.#ring[(this.#next + n - 1) % n];
    if (!oldest || !newest) return Infinity;
    const usualMs = (newest.at - oldest.at + ADDED_MS) / (n - 1);
    return Math.max(1, usualMs, (now - newest.at) / SILENT_GAPS);
  }

  /** One of them. */
  any(random: Random): Arrival | undefined {
    return this.#ring[Math.floor(random() * this.#ring.length)];
  }
}
