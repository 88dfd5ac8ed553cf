/**
 * The arrival forecast of one backend: the probability that a run that begins there arrives within
 * a time. Runs that begin elsewhere and come later are in application-arrivals.ts.
 *
 * It combines the observed gaps between arrivals, a Gamma-Poisson rate where the gaps say little,
 * and the usual level of this hour of the week, as far as the silence so far has not shown that the
 * traffic has ended (silence.ts). A rate alone is far off for real traffic, which comes in bursts:
 * on a production trace of code completions it gives 100 % where 40 % is true (docs/benchmarks.md).
 */
import { GammaRate, type RateSnapshot } from './gamma-rate.ts';
import { RecentGaps } from './recent-gaps.ts';
import { RisingRate } from './rising-rate.ts';
import { Silence, type SilenceSnapshot } from './silence.ts';
import { WeekProfile, type WeekSnapshot } from './week-profile.ts';

/**
 * Weight of the rate, in gaps as long as the present one. It is large where arrivals are random,
 * because then the rate says all and a hundred gaps are noise, and small where they come in bursts
 * or at fixed intervals.
 */
const MIN_RATE_WEIGHT = 4;
const RANDOM_RATE_WEIGHT = 100;
/** Squared coefficients of variation this far from 1 count as half random. */
const HALF_RANDOM_AT = 0.5;
/** Mean time until traffic stops for a while, if it is random and if it comes in bursts, ms. */
const RANDOM_STOPS_EVERY_MS = 12 * 3_600_000;
const BURSTS_STOP_EVERY_MS = 3_600_000;
/** Maximum weight of the case that the traffic has stopped, against that of chance. */
const MAX_STOPPED = 0.25;

/** What survives a restart. */
export interface ArrivalSnapshot {
  readonly rate: RateSnapshot;
  readonly gapsMs: readonly number[];
  /** Weights of gaps before those, by length; absent in snapshots of older versions. */
  readonly olderGaps?: readonly number[];
  readonly lastAt: number;
  readonly week: WeekSnapshot;
  /** Absent in snapshots of older versions. */
  readonly silence?: SilenceSnapshot;
}

export class Arrivals {
  readonly #rate: GammaRate;
  readonly #gaps = new RecentGaps();
  readonly #rising = new RisingRate();
  readonly #week: WeekProfile;
  readonly #silence = new Silence();
  /** When the last run arrived, or when observation began, epoch ms. */
  #lastAt: number;

  constructor(now: number) {
    this.#rate = new GammaRate(now);
    this.#week = new WeekProfile(now);
    this.#lastAt = now;
  }

  /** A run that begins at the backend has arrived. */
  arrived(now: number): void {
    const gapMs = Math.max(0, now - this.#lastAt);
    const basePerMs = this.#rate.ratePerSec(this.#lastAt) / 1_000;
    this.#gaps.add(gapMs);
    this.#lastAt = Math.max(now, this.#lastAt);
    this.#week.arrived(now, this.#silence);
    const risen = this.#rising.observe(gapMs, basePerMs);
    // Arrivals before the rise belong to the old rate. The counted gaps include this arrival.
    if (risen) this.#rate.restart(now, risen.gaps, risen.elapsedMs / 1_000);
    else this.#rate.need(now);
  }

  /** Probability of at least one arrival within `withinMs`. */
  needProbability(now: number, withinMs: number): number {
    const elapsedMs = Math.max(0, now - this.#lastAt);
    const { beyond, within } = this.#gaps.beyond(elapsedMs, withinMs);
    const byRate = this.#byRate(now, elapsedMs, withinMs);
    const weight = this.#rateWeight();
    return (within + weight * byRate) / (beyond + weight);
  }

  /**
   * Mean number of runs that share the wait for a cold start of `coldStartMs` when a run arrives
   * after a pause of `pauseMs` or more. Each counts by the part of the cold start that it waits; 1
   * for one run alone.
   */
  crowd(pauseMs: number, coldStartMs: number): number {
    return this.#gaps.crowd(pauseMs, coldStartMs);
  }

  /**
   * Probability of an arrival within `withinMs` from a later time `at`, by the week profile alone,
   * as far as the present silence lets it count.
   */
  usualProbability(at: number, withinMs: number): number {
    const { goesOn } = this.#silence;
    const outlook = { goesOn, inSession: false, sessionGoesOn: 1, expected: 0 };
    return this.#week.probability(at, withinMs, outlook);
  }

  /** Expected arrivals per second, by the recent rate. */
  ratePerSec(now: number): number {
    return this.#rate.ratePerSec(now);
  }

  /** Handles a clock that jumps back: no gap is counted from a time in the future. */
  clockWentBack(now: number): void {
    this.#lastAt = Math.min(this.#lastAt, now);
    this.#rate.clockWentBack(now);
    this.#week.clockWentBack(now);
  }

  snapshot(): ArrivalSnapshot {
    return {
      rate: this.#rate.snapshot(),
      gapsMs: this.#gaps.snapshot(),
      olderGaps: this.#gaps.olderSnapshot(),
      lastAt: this.#lastAt,
      week: this.#week.snapshot(),
      silence: this.#silence.snapshot(),
    };
  }

  restore(from: ArrivalSnapshot): void {
    this.#rate.restore(from.rate);
    this.#gaps.restore(from.gapsMs, from.olderGaps);
    this.#lastAt = from.lastAt;
    this.#week.restore(from.week);
    // An older version did not weigh the silence that it stored.
    if (from.silence) this.#silence.restore(from.silence);
    else this.#week.weigh(from.lastAt, from.week.at, this.#silence);
  }

  #rateWeight(): number {
    return MIN_RATE_WEIGHT + RANDOM_RATE_WEIGHT * this.#randomness();
  }

  /** 1 where arrivals are random, near 0 where they are bursty, at fixed intervals, or few. */
  #randomness(): number {
    const { dispersion } = this.#gaps;
    if (dispersion === undefined) return 0;
    return 1 / (1 + ((dispersion - 1) / HALF_RANDOM_AT) ** 4);
  }

  /** Probability of an arrival by the rate and the week profile, after `elapsedMs` without one. */
  #byRate(now: number, elapsedMs: number, withinMs: number): number {
    this.#week.elapse(now, this.#silence);
    // The silence is either chance or the end of the session; then it may last as long again.
    const pSilence = this.#rate.silenceProbability(elapsedMs);
    const randomness = this.#randomness();
    const stopsEveryMs =
      randomness * RANDOM_STOPS_EVERY_MS + (1 - randomness) * BURSTS_STOP_EVERY_MS;
    const stopped = Math.min(MAX_STOPPED, elapsedMs / stopsEveryMs);
    const pContinues = stopped > 0 ? pSilence / (pSilence + stopped) : 1;
    const byRecent = this.#rate.needProbability(now, withinMs);
    const pIfStopped = 1 - elapsedMs / (elapsedMs + withinMs);
    const recent = pContinues * byRecent + (1 - pContinues) * (elapsedMs > 0 ? pIfStopped : 0);
    const { goesOn, inSession, isLastSession } = this.#silence;
    const sessionGoesOn = isLastSession ? pContinues : 1;
    // In the last arrival's session the recent gaps are the better evidence.
    const expected = isLastSession ? undefined : this.#silence.expected;
    const outlook = { goesOn, inSession, sessionGoesOn, expected };
    return Math.max(this.#week.probability(now, withinMs, outlook), recent);
  }
}
