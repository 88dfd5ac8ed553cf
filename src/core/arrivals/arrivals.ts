/**
 * The arrival forecast of one backend: the probability that a run that begins there arrives within
 * a time. Runs that begin elsewhere and come later are in application-arrivals.ts.
 *
 * It combines the observed gaps between arrivals, a Gamma-Poisson rate where the gaps say little,
 * and the usual level of this hour of the week where the rate has decayed. A rate alone is far off
 * for real traffic, which comes in bursts: on a production trace of code completions it gives 100 %
 * where 40 % is true (docs/benchmarks.md).
 */
import { GammaRate, type RateSnapshot } from './gamma-rate.ts';
import { RecentGaps } from './recent-gaps.ts';
import { RisingRate } from './rising-rate.ts';
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
/**
 * Maximum weight of the case that the traffic has stopped: after any silence, arrivals that are
 * usual at this hour of the week must still be expected.
 */
const MAX_STOPPED = 0.25;

/** What survives a restart. */
export interface ArrivalSnapshot {
  readonly rate: RateSnapshot;
  readonly gapsMs: readonly number[];
  readonly lastAt: number;
  readonly week: WeekSnapshot;
}

export class Arrivals {
  readonly #rate: GammaRate;
  readonly #gaps = new RecentGaps();
  readonly #rising = new RisingRate();
  readonly #week: WeekProfile;
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
    this.#week.arrived(now);
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

  /** Probability of an arrival within `withinMs` from `at`, by the week profile alone. */
  usualProbability(at: number, withinMs: number): number {
    return 1 - Math.exp((-(this.#week.ratePerSec(at) ?? 0) * withinMs) / 1_000);
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
      lastAt: this.#lastAt,
      week: this.#week.snapshot(),
    };
  }

  restore(from: ArrivalSnapshot): void {
    this.#rate.restore(from.rate);
    for (const gapMs of from.gapsMs) this.#gaps.add(gapMs);
    this.#lastAt = from.lastAt;
    this.#week.restore(from.week);
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
    this.#week.elapse(now);
    const usualPerSec = this.#week.ratePerSec(now + withinMs / 2) ?? 0;
    const byHour = 1 - Math.exp((-usualPerSec * withinMs) / 1_000);
    if (elapsedMs === 0) return Math.max(byHour, this.#rate.needProbability(now, withinMs));
    // The silence is either chance or the end of the traffic; then it may last as long again.
    const pSilence = 1 - this.#rate.needProbability(now, elapsedMs);
    const randomness = this.#randomness();
    const stopsEveryMs =
      randomness * RANDOM_STOPS_EVERY_MS + (1 - randomness) * BURSTS_STOP_EVERY_MS;
    const pGoesOn = pSilence / (pSilence + Math.min(MAX_STOPPED, elapsedMs / stopsEveryMs));
    const pIfStopped = withinMs / (elapsedMs + withinMs);
    const recent = pGoesOn * this.#rate.needProbability(now, withinMs) + (1 - pGoesOn) * pIfStopped;
    return Math.max(byHour * pGoesOn, recent);
  }
}
