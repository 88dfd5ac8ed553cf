/**
 * What a tenant's dispatcher has learned: a model for each application. Bounded: of more than 1,000
 * applications (clients without instrumentation can invent them) the longest unused is forgotten.
 */

import { GammaRate } from '../arrivals/gamma-rate.ts';
import type { Speeds } from '../runs/demand.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import { ApplicationModel } from './application-model.ts';
import type { SilenceBounds } from './learned-silence.ts';
import { PriorPool } from './prior-pool.ts';
import type { Random } from './random.ts';

const MAX_APPLICATIONS = 1_000;

export class Knowledge {
  readonly #models = new Map<string, ApplicationModel>();
  readonly #pool = new PriorPool();
  /** What is known of an application that was never seen: only what others did. */
  readonly #unknown = new ApplicationModel('', this.#pool);
  /** How often runs of each application begin. */
  readonly #rates = new WeakMap<ApplicationModel, GammaRate>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  model(app: string): ApplicationModel | undefined {
    return this.#models.get(app);
  }

  /** The application's model, or where it has none yet what the tenant's other runs suggest. */
  modelOrPrior(app: string): ApplicationModel {
    return this.#models.get(app) ?? this.#unknown;
  }

  models(): Iterable<ApplicationModel> {
    return this.#models.values();
  }

  /** A run of the application has begun. */
  arrived(app: string, now: number): void {
    const model = this.#models.get(app);
    if (!model) return;
    const rate = this.#rates.get(model);
    // The first one only starts the clock: how often they come is told by the time between.
    if (rate) rate.need(now);
    else this.#rates.set(model, new GammaRate(now));
  }

  /** The clock went back. */
  turnBack(now: number): void {
    for (const model of this.#models.values()) this.#rates.get(model)?.turnBack(now);
  }

  /** Needs of a backend within a time by runs that will have begun elsewhere, in the mean. */
  expectedNeeds(backend: string, now: number, withinMs: number): number {
    let expected = 0;
    for (const model of this.#models.values()) {
      const perMs = (this.#rates.get(model)?.ratePerSec(now) ?? 0) / 1_000;
      if (perMs > 0) expected += model.expectedNeeds(backend, perMs, withinMs);
    }
    return expected;
  }

  learn(run: RecordedRun, at: number, speeds: Speeds): void {
    const model = this.#models.get(run.app) ?? new ApplicationModel(run.app, this.#pool);
    // Insertion order is the order of use: the first is the longest unused.
    this.#models.delete(run.app);
    this.#models.set(run.app, model);
    if (this.#models.size > MAX_APPLICATIONS) {
      const [oldest] = this.#models.keys();
      if (oldest !== undefined) this.#models.delete(oldest);
    }
    model.learn(run, at, speeds, this.#random);
  }

  /** Silence after which a run of the application has ended, ms. */
  silenceMs(app: string, bounds: SilenceBounds): number {
    const model = this.#models.get(app);
    return model ? model.silence.silenceMs(bounds) : bounds.assumedMs;
  }
}
