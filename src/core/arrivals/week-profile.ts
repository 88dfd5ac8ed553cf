/**
 * The usual rate of arrivals for each of the 168 hours of the week (UTC): a count and the observed
 * time, both with a half-life of four weeks. A forecast falls back on it when there were no recent
 * arrivals, so that it expects Monday's first run. The recent rate is in gamma-rate.ts.
 */

const HOUR_MS = 3_600_000;
const HOURS_OF_A_WEEK = 168;
/** Share that an hour's bin keeps from one week to the next: half in four weeks. */
const KEPT_A_WEEK = 0.5 ** 0.25;
/** Minimum observed time of a bin, s; a shorter one gives no rate. */
const MIN_SECONDS = 1_800;

/** Arrivals and observed seconds by hour of the week, up to `at` (epoch ms). */
export interface WeekSnapshot {
  readonly counts: readonly number[];
  readonly seconds: readonly number[];
  readonly at: number;
}

export class WeekProfile {
  readonly #counts = new Float64Array(HOURS_OF_A_WEEK);
  readonly #seconds = new Float64Array(HOURS_OF_A_WEEK);
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** An arrival at `now`, epoch ms. */
  arrived(now: number): void {
    this.elapse(now);
    const bin = binOf(now);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
  }

  /** Usual arrivals per second at `at`; undefined where that hour was not observed long enough. */
  ratePerSec(at: number): number | undefined {
    const seconds = this.#seconds[binOf(at)] ?? 0;
    if (seconds < MIN_SECONDS) return undefined;
    return (this.#counts[binOf(at)] ?? 0) / seconds;
  }

  /** Counts the time up to `now` as observed. Bins decay when their hour begins. */
  elapse(now: number): void {
    // After a silence of weeks only the last one is counted: each bin would get the same again.
    let at = Math.max(this.#at, now - HOURS_OF_A_WEEK * HOUR_MS);
    while (at < now) {
      const end = Math.min(now, (Math.floor(at / HOUR_MS) + 1) * HOUR_MS);
      const bin = binOf(at);
      if (at % HOUR_MS === 0) {
        this.#counts[bin] = (this.#counts[bin] ?? 0) * KEPT_A_WEEK;
        this.#seconds[bin] = (this.#seconds[bin] ?? 0) * KEPT_A_WEEK;
      }
      this.#seconds[bin] = (this.#seconds[bin] ?? 0) + (end - at) / 1_000;
      at = end;
    }
    this.#at = Math.max(this.#at, now);
  }

  /** Handles a clock that jumps back: time is counted from `now` on. */
  clockWentBack(now: number): void {
    this.#at = Math.min(this.#at, now);
  }

  snapshot(): WeekSnapshot {
    const round = (values: Float64Array) => Array.from(values, (v) => Math.round(v * 100) / 100);
    return { counts: round(this.#counts), seconds: round(this.#seconds), at: this.#at };
  }

  restore(from: WeekSnapshot): void {
    this.#counts.set(from.counts.slice(0, HOURS_OF_A_WEEK));
    this.#seconds.set(from.seconds.slice(0, HOURS_OF_A_WEEK));
    this.#at = from.at;
  }
}

/** Hour of the week, 0 to 167, counted from Thursday 00:00 UTC, the weekday of the epoch. */
function binOf(at: number): number {
  return Math.floor(at / HOUR_MS) % HOURS_OF_A_WEEK;
}
