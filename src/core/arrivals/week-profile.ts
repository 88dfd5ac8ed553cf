/**
 * How much usually comes at this hour of the week: a count and the time in which it came for each of
 * the 168 hours, forgotten by half in four weeks. It is the base level that a forecast falls back on
 * when nothing has come for a while, so that Monday's first run is not a surprise.
 */

const HOUR_MS = 3_600_000;
const HOURS_OF_A_WEEK = 168;
/** What a bin keeps from one week to the next: half in four weeks. */
const KEPT_A_WEEK = 0.5 ** 0.25;
/** A bin that was observed for less than this says nothing. */
const LEAST_SECONDS = 1_800;

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

  arrived(now: number): void {
    this.elapse(now);
    const bin = binOf(now);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
  }

  /** Usual arrivals a second at a time; undefined where that hour was not observed long enough. */
  ratePerSec(at: number): number | undefined {
    const seconds = this.#seconds[binOf(at)] ?? 0;
    if (seconds < LEAST_SECONDS) return undefined;
    return (this.#counts[binOf(at)] ?? 0) / seconds;
  }

  /** Time passes, with or without arrivals. */
  elapse(now: number): void {
    // Of a silence of weeks only the last counts: every bin would get the same again.
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

  /** The clock went back. */
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

function binOf(at: number): number {
  return Math.floor(at / HOUR_MS) % HOURS_OF_A_WEEK;
}
