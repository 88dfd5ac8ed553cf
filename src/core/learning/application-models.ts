/**
 * What a tenant's dispatcher has learned: a model for each application. Bounded: of more than 1,000
 * applications (clients without instrumentation can invent them) the longest unused is forgotten.
 */

import type { Speeds } from '../runs/demand.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import { ApplicationModel } from './application-model.ts';
import type { SilenceBounds } from './learned-silence.ts';
import { PriorPool } from './prior-pool.ts';
import type { Random } from './random.ts';

const MAX_APPLICATIONS = 1_000;

export class ApplicationModels {
  readonly #models = new Map<string, ApplicationModel>();
  readonly #pool = new PriorPool();
  /** What is known of an application that was never seen: only what others did. */
  readonly #unknown = new ApplicationModel('', this.#pool);
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

  all(): Iterable<ApplicationModel> {
    return this.#models.values();
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
