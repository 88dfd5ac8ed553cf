/**
 * When the next run will come that begins at a backend: by the gaps between those that came, with a
 * Gamma-Poisson rate where the gaps say little, and the usual level of this hour of the week where
 * even that has run dry. Rates alone are far off for real traffic, which comes in bursts: on a
 * production trace of code completions they say 100 % where 40 % is true (docs/benchmarks.md).
 */
import { GammaRate, type RateSnapshot } from './gamma-rate.ts';
import { RecentGaps } from './recent-gaps.ts';
import { RisingRate } from './rising-rate.ts';
import { WeekProfile, type WeekSnapshot } from './week-profile.ts';

/**
 * Weight of the rate, in gaps as long as the present one: much where arrivals come at random, since
 * then the rate says all and a hundred gaps are noise; little where they come in bursts, or by a clock.
 */
const LEAST_RATE_WEIGHT = 4;
const RANDOM_RATE_WEIGHT = 100;
/** Distance of the squared coefficient of variation from 1 at which that is no longer believed. */
const RANDOM_WITHIN = 0.5;
/** How often traffic ends for a while, if it comes at random, and if it comes in bursts, ms. */
const RANDOM_ENDS_EVERY_MS = 12 * 3_600_000;
const BURSTS_END_EVERY_MS = 3_600_000;
/** However long it is: what comes at its hour of the week has not ended. */
const MOST_ENDED = 0.25;

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
  #lastAt: number;

  constructor(now: number) {
    this.#rate = new GammaRate(now);
    this.#week = new WeekProfile(now);
    this.#lastAt = now;
  }

  arrived(now: number): void {
    const gapMs = Math.max(0, now - this.#lastAt);
    const basePerMs = this.#rate.ratePerSec(this.#lastAt) / 1_000;
    this.#gaps.add(gapMs);
    this.#lastAt = Math.max(now, this.#lastAt);
    this.#week.arrived(now);
    const risen = this.#rising.observe(gapMs, basePerMs);
    // What came before the rise is of another time; this arrival is among the counted ones.
    if (risen) this.#rate.restart(now, risen.gaps, risen.elapsedMs / 1_000);
    else this.#rate.need(now);
  }

  /** Probability that at least one comes within `withinMs`. */
  needProbability(now: number, withinMs: number): number {
    const elapsedMs = Math.max(0, now - this.#lastAt);
    const { beyond, within } = this.#gaps.beyond(elapsedMs, withinMs);
    const byRate = this.#byRate(now, elapsedMs, withinMs);
    const weight = this.#rateWeight();
    return (within + weight * byRate) / (beyond + weight);
  }

  /**
   * Runs that share the wait for a cold start of so many ms, counted by the part of it that they
   * wait for, when one comes after a pause of `pauseMs`; 1 where only that one does.
   */
  crowd(pauseMs: number, coldStartMs: number): number {
    return this.#gaps.crowd(pauseMs, coldStartMs);
  }

  /** Probability of an arrival in so long from a time on, by what is usual at that hour alone. */
  usualProbability(at: number, withinMs: number): number {
    return 1 - Math.exp((-(this.#week.ratePerSec(at) ?? 0) * withinMs) / 1_000);
  }

  /** Expected arrivals in a second, by the recent rate. */
  ratePerSec(now: number): number {
    return this.#rate.ratePerSec(now);
  }

  /** The clock went back. */
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
    return LEAST_RATE_WEIGHT + RANDOM_RATE_WEIGHT * this.#randomness();
  }

  /** 1 where arrivals come at random, 0 where they come in bursts or by a clock, or are few. */
  #randomness(): number {
    const { dispersion } = this.#gaps;
    if (dispersion === undefined) return 0;
    return 1 / (1 + ((dispersion - 1) / RANDOM_WITHIN) ** 4);
  }

  #byRate(now: number, elapsedMs: number, withinMs: number): number {
    this.#week.elapse(now);
    const usual = this.#week.ratePerSec(now + withinMs / 2) ?? 0;
    const byHour = 1 - Math.exp((-usual * withinMs) / 1_000);
    if (elapsedMs === 0) return Math.max(byHour, this.#rate.needProbability(now, withinMs));
    // Either it is chance, or the traffic has ended: then the silence may well last as long again.
    const silent = 1 - this.#rate.needProbability(now, elapsedMs);
    const random = this.#randomness();
    const endsEveryMs = random * RANDOM_ENDS_EVERY_MS + (1 - random) * BURSTS_END_EVERY_MS;
    const trust = silent / (silent + Math.min(MOST_ENDED, elapsedMs / endsEveryMs));
    const lasting = withinMs / (elapsedMs + withinMs);
    const recent = trust * this.#rate.needProbability(now, withinMs) + (1 - trust) * lasting;
    return Math.max(byHour * trust, recent);
  }
}
