/**
 * The models of a tenant's applications (application-model.ts), and the prior for unknown ones. At
 * most 1,000 are kept, because clients without instrumentation can invent applications; the least
 * recently learned one is forgotten first.
 */

import type { Speeds } from '../runs/demand.ts';
import { RecentMap } from '../runs/recent-map.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import { ApplicationModel } from './application-model.ts';
import type { SilenceBounds } from './learned-silence.ts';
import { PastRuns } from './past-runs.ts';
import { PriorPool } from './prior-pool.ts';
import type { Random } from './random.ts';

const MAX_APPLICATIONS = 1_000;

export class ApplicationModels {
  readonly #models = new RecentMap<ApplicationModel>(MAX_APPLICATIONS);
  readonly #pool = new PriorPool();
  /** The model of an application that was never seen: it has only the tenant's prior. */
  readonly #unknown = new ApplicationModel('', this.#pool);
  readonly #random: Random;
  /** The last runs as wholes. */
  readonly past = new PastRuns();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The application's model; undefined before its first finished run. */
  model(app: string): ApplicationModel | undefined {
    return this.#models.get(app);
  }

  /** The application's model, or the prior from the tenant's other runs where it has none yet. */
  modelOrPrior(app: string): ApplicationModel {
    return this.#models.get(app) ?? this.#unknown;
  }

  all(): Iterable<ApplicationModel> {
    return this.#models.values();
  }

  /** Learns a finished run. `at` is when it ended, epoch ms. */
  learn(run: RecordedRun, at: number, speeds: Speeds): void {
    const model = this.#models.get(run.app) ?? new ApplicationModel(run.app, this.#pool);
    this.#models.set(run.app, model);
    model.learn(run, at, speeds, this.#random);
    this.past.learn(run, speeds);
  }

  /** Silence after which a run of the application counts as ended, ms. */
  silenceMs(app: string, bounds: SilenceBounds): number {
    const model = this.#models.get(app);
    return model ? model.silence.silenceMs(bounds) : bounds.assumedMs;
  }
}
