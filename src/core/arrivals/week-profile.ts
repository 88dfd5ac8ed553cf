/**
 * The usual arrivals in each of the 168 hours of the week (UTC): their count, the observed time, and
 * in how many weeks the hour had arrivals at all, each with a half-life of four weeks. A forecast
 * falls back on it when there were no recent arrivals, so that it expects Monday's first run. The
 * recent rate is in gamma-rate.ts; whether what is usual still holds is in silence.ts.
 */
import { type Silence, stillSilent } from './silence.ts';

const HOUR_MS = 3_600_000;
const HOURS_OF_A_WEEK = 168;
const WEEK_MS = HOURS_OF_A_WEEK * HOUR_MS;
/** Share that an hour's bin keeps from one week to the next: half in four weeks. */
const KEPT_A_WEEK = 0.5 ** 0.25;
/** Minimum observed time of a bin, s; a shorter one gives no rate. */
const MIN_SECONDS = 1_800;
/** An hour belongs to a session where it has arrivals in this share of the weeks or more. */
const USUAL_SHARE = 0.5;

/** Arrivals and observed seconds by hour of the week, up to `at` (epoch ms). */
export interface WeekSnapshot {
  readonly counts: readonly number[];
  readonly seconds: readonly number[];
  /** Weeks in which the hour had arrivals; absent in snapshots of older versions. */
  readonly active?: readonly number[];
  readonly at: number;
}

/** What a silence leaves of the profile. */
export interface Outlook {
  /** Probability that the traffic goes on. */
  readonly goesOn: number;
  /** The hour in progress belongs to a session. */
  readonly inSession: boolean;
  /** Probability that the session in progress goes on, if the traffic does. */
  readonly sessionGoesOn: number;
  /** Arrivals that the session expected in vain; undefined where it had some. */
  readonly expected: number | undefined;
}

export class WeekProfile {
  readonly #counts = new Float64Array(HOURS_OF_A_WEEK);
  readonly #seconds = new Float64Array(HOURS_OF_A_WEEK);
  readonly #active = new Float64Array(HOURS_OF_A_WEEK);
  /** The last hour that had an arrival, in hours since the epoch. */
  #lastActive = -1;
  /** The hour in progress, in hours since the epoch: its bin has decayed. */
  #begun: number;
  #at: number;

  constructor(now: number) {
    this.#at = now;
    this.#begun = hourOf(now);
  }

  /** An arrival at `now`, epoch ms. `silence` is what it ends. */
  arrived(now: number, silence?: Silence): void {
    this.elapse(now, silence);
    const [bin, hour] = [binOf(now), hourOf(now)];
    this.#begin(hour, silence);
    silence?.end();
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    if (hour > this.#lastActive) {
      this.#active[bin] = (this.#active[bin] ?? 0) + 1;
      this.#lastActive = hour;
    }
  }

  /** Usual arrivals per second at `at`; undefined where that hour was not observed long enough. */
  ratePerSec(at: number): number | undefined {
    const seconds = this.#seconds[binOf(at)] ?? 0;
    if (seconds < MIN_SECONDS) return undefined;
    return (this.#counts[binOf(at)] ?? 0) / seconds;
  }

  /** Probability of an arrival within `withinMs` from `at`, after a silence as given. */
  probability(at: number, withinMs: number, after: Outlook): number {
    const end = at + Math.min(withinMs, WEEK_MS);
    let { inSession, sessionGoesOn, expected } = after;
    let pNone = 1;
    for (let from = at; from < end; ) {
      const bin = binOf(from);
      if (from > at) {
        const isUsual = this.#isUsual(bin);
        // Another session begins with this hour.
        if (!inSession || !isUsual) [sessionGoesOn, expected] = [1, 0];
        inSession = isUsual;
      }
      const until = Math.min(end, nextHour(from));
      const arrivals = this.#perActiveHour(bin) * ((until - from) / HOUR_MS);
      const pSome = after.goesOn * sessionGoesOn * this.#pActive(bin);
      const pNoneIfActive =
        expected === undefined ? Math.exp(-arrivals) : stillSilent(expected, arrivals);
      pNone *= 1 - pSome * (1 - pNoneIfActive);
      if (expected !== undefined) expected += arrivals;
      from = until;
    }
    return 1 - pNone;
  }

  /**
   * Counts the time up to `now` as observed. Bins decay when their hour begins. `silence`: what was
   * expected in that time is added to it, as nothing came.
   */
  elapse(now: number, silence?: Silence): void {
    // After a silence of weeks only the last one is counted: each bin would get the same again.
    let at = Math.max(this.#at, now - WEEK_MS);
    if (silence) this.#passWeeks((at - this.#at) / WEEK_MS, silence);
    while (at < now) {
      const end = Math.min(now, nextHour(at));
      const bin = binOf(at);
      this.#begin(hourOf(at), silence);
      if (silence) this.#passHour(bin, (end - at) / HOUR_MS, silence);
      this.#seconds[bin] = (this.#seconds[bin] ?? 0) + (end - at) / 1_000;
      at = end;
    }
    this.#at = Math.max(this.#at, now);
  }

  /** Adds what was expected between two times to a silence; the time itself was observed before. */
  weigh(from: number, to: number, silence: Silence): void {
    let at = Math.max(from, to - WEEK_MS);
    this.#passWeeks((at - from) / WEEK_MS, silence);
    while (at < to) {
      const end = Math.min(to, nextHour(at));
      if (at % HOUR_MS === 0) silence.hourBegins(this.#isUsual(binOf(at)));
      this.#passHour(binOf(at), (end - at) / HOUR_MS, silence);
      at = end;
    }
  }

  /** Handles a clock that jumps back: time is counted from `now` on. */
  clockWentBack(now: number): void {
    this.#at = Math.min(this.#at, now);
    this.#lastActive = Math.min(this.#lastActive, hourOf(now));
    this.#begun = Math.min(this.#begun, hourOf(now));
  }

  snapshot(): WeekSnapshot {
    const round = (values: Float64Array) => Array.from(values, (v) => Math.round(v * 100) / 100);
    return {
      counts: round(this.#counts),
      seconds: round(this.#seconds),
      active: round(this.#active),
      at: this.#at,
    };
  }

  restore(from: WeekSnapshot): void {
    this.#counts.set(from.counts.slice(0, HOURS_OF_A_WEEK));
    this.#seconds.set(from.seconds.slice(0, HOURS_OF_A_WEEK));
    const active = from.active ?? from.counts.map((n, bin) => guessActive(n, from.seconds[bin]));
    this.#active.set(active.slice(0, HOURS_OF_A_WEEK));
    this.#at = from.at;
    // The hour of the snapshot is counted already where it had arrivals.
    const hour = hourOf(from.at);
    this.#begun = from.at % HOUR_MS === 0 ? hour - 1 : hour;
    this.#lastActive = (this.#counts[binOf(from.at)] ?? 0) > 0 ? hour : hour - 1;
  }

  /** Begins an hour, unless it has begun: its bin decays. */
  #begin(hour: number, silence?: Silence): void {
    if (hour <= this.#begun) return;
    this.#begun = hour;
    const bin = hour % HOURS_OF_A_WEEK;
    for (const values of [this.#counts, this.#seconds, this.#active]) {
      values[bin] = (values[bin] ?? 0) * KEPT_A_WEEK;
    }
    silence?.hourBegins(this.#isUsual(bin));
  }

  /** Observed hours of a bin; 0 where they are too few. */
  #hours(bin: number): number {
    const seconds = this.#seconds[bin] ?? 0;
    return seconds < MIN_SECONDS ? 0 : seconds / 3_600;
  }

  /** Probability that the hour has arrivals. */
  #pActive(bin: number): number {
    const hours = this.#hours(bin);
    return hours > 0 ? Math.min(1, (this.#active[bin] ?? 0) / hours) : 0;
  }

  #isUsual(bin: number): boolean {
    return this.#pActive(bin) >= USUAL_SHARE;
  }

  /** Arrivals in the hour in a week in which it has some. */
  #perActiveHour(bin: number): number {
    const hours = Math.min(this.#hours(bin), this.#active[bin] ?? 0);
    return hours > 0 ? (this.#counts[bin] ?? 0) / hours : 0;
  }

  /** Adds what a bin expects over a part of its hour, while that part is observed as silent. */
  #passHour(bin: number, part: number, silence: Silence): void {
    const [count, active] = [this.#counts[bin] ?? 0, this.#active[bin] ?? 0];
    const observed = (this.#seconds[bin] ?? 0) / 3_600;
    const [from, to] = [Math.max(observed, MIN_SECONDS / 3_600), observed + part];
    if (active === 0 || to <= from) return;
    // The observed hours grow meanwhile, so the probability of arrivals, min(1, active / hours), and
    // their number if there are some, count / min(active, hours), are integrated in two parts.
    const bend = Math.min(to, Math.max(from, active));
    const hours = bend - from + active * Math.log(to / bend);
    const arrivals = count * Math.log(bend / from) + ((to - bend) * count) / active;
    silence.pass(hours, arrivals);
  }

  /** Adds whole weeks of silence. */
  #passWeeks(weeks: number, silence: Silence): void {
    if (weeks <= 0) return;
    let hours = 0;
    for (let bin = 0; bin < HOURS_OF_A_WEEK; bin += 1) hours += this.#pActive(bin);
    silence.pass(hours * weeks, 0);
  }
}

/** Weeks with arrivals of an hour of which only their number is known, as if they came at random. */
function guessActive(count: number, seconds = 0): number {
  const hours = seconds / 3_600;
  return hours > 0 ? hours * (1 - Math.exp(-count / hours)) : 0;
}

/** Hour of the week, 0 to 167, counted from Thursday 00:00 UTC, the weekday of the epoch. */
function binOf(at: number): number {
  return hourOf(at) % HOURS_OF_A_WEEK;
}

/** Hours since the epoch. */
function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS);
}

function nextHour(at: number): number {
  return (hourOf(at) + 1) * HOUR_MS;
}
