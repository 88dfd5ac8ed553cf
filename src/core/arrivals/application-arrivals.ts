/**
 * The rate at which runs of each known application begin, and the expected needs of a backend by
 * runs that begin elsewhere. Runs that begin at a backend are that backend's own arrivals
 * (arrivals.ts).
 */
import type { ApplicationModels } from '../learning/application-models.ts';
import { MAX_APPLICATIONS } from '../learning/known-runs.ts';
import { RecentMap } from '../runs/recent-map.ts';
import { GammaRate } from './gamma-rate.ts';

/** Mean time until the runs of an application stop for a while, ms: an event that is rare. */
const STOPS_EVERY_MS = 7 * 86_400_000;
/** The means of the gaps and of their squares cover about so many gaps. */
const GAPS = 64;

export class ApplicationArrivals {
  readonly #models: ApplicationModels;
  readonly #rates = new RecentMap<ApplicationRate>(MAX_APPLICATIONS);

  constructor(models: ApplicationModels) {
    this.#models = models;
  }

  /** A run of the application has begun; ignored where the application has no model yet. */
  arrived(app: string, now: number): void {
    if (!this.#models.model(app)) return;
    const rate = this.#rates.get(app);
    // The first arrival only starts the clock: a rate needs the time between arrivals.
    rate?.arrived(now);
    this.#rates.set(app, rate ?? new ApplicationRate(now));
  }

  /** Mean number of needs of a backend within `withinMs` by runs that will begin elsewhere. */
  expectedNeeds(backend: string, now: number, withinMs: number): number {
    let expected = 0;
    for (const model of this.#models.all()) {
      const perMs = this.#rates.get(model.app)?.perMs(now) ?? 0;
      if (perMs > 0) expected += model.expectedNeeds(backend, perMs, withinMs);
    }
    return expected;
  }

  /** Handles a clock that jumps back: observed time is counted from `now` on. */
  clockWentBack(now: number): void {
    for (const rate of this.#rates.values()) rate.clockWentBack(now);
  }
}

/** The rate of one application's runs, and whether they have stopped. */
class ApplicationRate {
  readonly #rate: GammaRate;
  #lastAt: number;
  #gaps = 0;
  #meanGapMs = 0;
  #meanSquare = 0;

  constructor(now: number) {
    this.#rate = new GammaRate(now);
    this.#lastAt = now;
  }

  arrived(now: number): void {
    const gapMs = Math.max(0, now - this.#lastAt);
    this.#gaps = Math.min(GAPS, this.#gaps + 1);
    this.#meanGapMs += (gapMs - this.#meanGapMs) / this.#gaps;
    this.#meanSquare += (gapMs ** 2 - this.#meanSquare) / this.#gaps;
    this.#lastAt = Math.max(now, this.#lastAt);
    this.#rate.need(now);
  }

  /** Expected runs per ms, by the rate and the probability that they have not stopped. */
  perMs(now: number): number {
    const elapsedMs = Math.max(0, now - this.#lastAt);
    const ratePerMs = this.#rate.ratePerSec(now) / 1_000;
    if (elapsedMs === 0) return ratePerMs;
    // Runs that come in bursts are no independent evidence: as many count as one as the dispersion
    // of their gaps says.
    const square = this.#meanGapMs ** 2;
    const dispersion = square > 0 ? Math.max(1, this.#meanSquare / square - 1) : 1;
    const pSilence = this.#rate.silenceProbability(elapsedMs) ** (1 / dispersion);
    const stopped = Math.min(1, elapsedMs / STOPS_EVERY_MS);
    return (ratePerMs * pSilence) / (pSilence + stopped);
  }

  clockWentBack(now: number): void {
    this.#lastAt = Math.min(this.#lastAt, now);
    this.#rate.clockWentBack(now);
  }
}
