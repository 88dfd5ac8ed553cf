/**
 * The runs that arrived last: how often runs come, of which applications, and for how long they have
 * come so often. Nothing tells when a burst ends but how long it has lasted: it is as likely as not to
 * last as long again.
 */
import type { Random } from '../learning/random.ts';

/** Arrivals that are remembered as they are. */
const KEPT = 64;
/** Of each ring, every so many-th goes to the next, which so reaches as much farther back. */
const THINNED = 8;
const RINGS = 4;
/** After a silence of so many usual gaps, runs are taken to come less often. */
const SILENT_GAPS = 3;
/** Time that is added to the one in which they came: a few at once are no rate, ms. */
const ADDED_MS = 1_000;
/** Runs come as often as now for as long as their mean rate is at least this share of the present one. */
const SAME_SHARE = 0.5;

/** A run that arrived, by its first visit. */
export interface Arrival {
  readonly at: number;
  readonly app: string;
  readonly unit: string;
  readonly visit: 1;
}

/** How often runs come. */
export interface ArrivalRate {
  /** Mean time between arrivals, ms; Infinity where fewer than two are known. */
  readonly gapMs: number;
  /** For how long they have come so often, ms. */
  readonly lastedMs: number;
  /**
   * How often they come when this ends: the mean of all that is remembered, ms; Infinity where they
   * have come as often as now from the first on.
   */
  readonly usualGapMs: number;
}

const NEVER: ArrivalRate = { gapMs: Infinity, lastedMs: 0, usualGapMs: Infinity };

export class RecentArrivals {
  readonly #rings: Arrival[][] = Array.from({ length: RINGS }, () => []);
  #count = 0;

  add(arrival: Arrival): void {
    let every = 1;
    for (const ring of this.#rings) {
      if (this.#count % every !== 0) break;
      ring[(this.#count / every) % KEPT] = arrival;
      every *= THINNED;
    }
    this.#count += 1;
  }

  rate(now: number): ArrivalRate {
    const newest = this.#ago(0);
    if (this.#count < 2 || !newest) return NEVER;
    const silentMs = (now - newest.at) / SILENT_GAPS;
    let gapMs = Infinity;
    let lastedMs = 0;
    let usualGapMs = Infinity;
    let isSame = true;
    for (let n = Math.min(this.#count, KEPT) - 1; ; n = Math.min(2 * n, this.#most)) {
      const spanMs = now - (this.#ago(n)?.at ?? now);
      const meanMs = Math.max(1, silentMs, (spanMs + ADDED_MS) / n);
      if (gapMs === Infinity) gapMs = meanMs;
      isSame &&= gapMs >= SAME_SHARE * meanMs;
      if (isSame) lastedMs = Math.max(lastedMs, spanMs);
      usualGapMs = meanMs;
      if (n < this.#most) continue;
      return { gapMs, lastedMs, usualGapMs: isSame ? Infinity : Math.max(gapMs, usualGapMs) };
    }
  }

  /** One of the last ones. */
  any(random: Random): Arrival | undefined {
    const [ring = []] = this.#rings;
    return ring[Math.floor(random() * ring.length)];
  }

  /** Arrivals before the newest one that are remembered. */
  get #most(): number {
    return Math.min(this.#count - 1, (KEPT - 1) * THINNED ** (RINGS - 1));
  }

  /** The arrival so many before the newest, or one shortly before it. */
  #ago(n: number): Arrival | undefined {
    const index = this.#count - 1 - n;
    let every = 1;
    for (const ring of this.#rings) {
      const kept = Math.floor(index / every);
      const last = Math.floor((this.#count - 1) / every);
      if (kept >= 0 && last - kept < KEPT) return ring[kept % KEPT];
      every *= THINNED;
    }
    return undefined;
  }
}
