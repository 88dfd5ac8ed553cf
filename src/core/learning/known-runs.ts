/**
 * What is known of a tenant's finished runs: a model for each application (application-model.ts), the
 * prior for unknown ones, and the last runs as wholes. At most 1,000 models are kept, because clients
 * without instrumentation can invent applications; the least recently learned one is forgotten first.
 */
import type { Speeds } from '../runs/demand.ts';
import { RecentMap } from '../runs/recent-map.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import { ApplicationModel } from './application-model.ts';
import { PastRuns } from './past-runs.ts';
import { PriorPool } from './prior-pool.ts';
import type { Random } from './random.ts';

export const MAX_APPLICATIONS = 1_000;

export class KnownRuns {
  /** The least recently learned application first. */
  readonly models = new RecentMap<ApplicationModel>(MAX_APPLICATIONS);
  readonly past = new PastRuns();
  readonly #pool = new PriorPool();
  /** The model of an application that was never seen: it has only the tenant's prior. */
  readonly unknown = new ApplicationModel('', this.#pool);
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Learns a finished run. `at` is when it ended, epoch ms. */
  learn(run: RecordedRun, at: number, speeds: Speeds): void {
    const { models } = this;
    const model = models.get(run.app) ?? new ApplicationModel(run.app, this.#pool);
    models.set(run.app, model);
    model.learn(run, at, speeds, this.#random);
    this.past.learn(run, speeds);
  }

  /** A run of the application paused for so long and went on, ms. */
  paused(app: string, pauseMs: number): void {
    this.models.get(app)?.silence.observe(pauseMs);
  }
}
