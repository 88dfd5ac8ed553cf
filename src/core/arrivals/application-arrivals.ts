/**
 * The rate at which runs of each known application begin, and the expected needs of a backend by
 * runs that begin elsewhere. Runs that begin at a backend are that backend's own arrivals
 * (arrivals.ts).
 */
import type { ApplicationModel } from '../learning/application-model.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import { GammaRate } from './gamma-rate.ts';

export class ApplicationArrivals {
  readonly #models: ApplicationModels;
  /** Keyed by model, so that the rate is forgotten together with its application. */
  readonly #rates = new WeakMap<ApplicationModel, GammaRate>();

  constructor(models: ApplicationModels) {
    this.#models = models;
  }

  /** A run of the application has begun; ignored where the application has no model yet. */
  arrived(app: string, now: number): void {
    const model = this.#models.model(app);
    if (!model) return;
    const rate = this.#rates.get(model);
    // The first arrival only starts the clock: a rate needs the time between arrivals.
    if (rate) rate.need(now);
    else this.#rates.set(model, new GammaRate(now));
  }

  /** Mean number of needs of a backend within `withinMs` by runs that will begin elsewhere. */
  expectedNeeds(backend: string, now: number, withinMs: number): number {
    let expected = 0;
    for (const model of this.#models.all()) {
      const perMs = (this.#rates.get(model)?.ratePerSec(now) ?? 0) / 1_000;
      if (perMs > 0) expected += model.expectedNeeds(backend, perMs, withinMs);
    }
    return expected;
  }

  /** Handles a clock that jumps back: observed time is counted from `now` on. */
  clockWentBack(now: number): void {
    for (const model of this.#models.all()) this.#rates.get(model)?.clockWentBack(now);
  }
}
