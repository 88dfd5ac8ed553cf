/**
 * The models of a tenant's applications, on which decisions are made. After a restart the runs that
 * were stored are learned again, a part at a time, so that no call is held up: until the last part,
 * decisions are made on the newest of them and on what ended meanwhile. Then that is replaced by what
 * all of them teach in the order in which they ended, as if they had been learned at once.
 */
import type { Speeds } from '../runs/demand.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import type { ApplicationModel } from './application-model.ts';
import { KnownRuns } from './known-runs.ts';
import type { SilenceBounds } from './learned-silence.ts';
import type { PastRuns } from './past-runs.ts';
import { type Random, seededRandom } from './random.ts';

/** Chooses samples of what is replaced later, so that the other generator's numbers are those of one reading. */
const SEED_MEANWHILE = 1;

/** A finished run as it is stored; `finishedAt` in epoch ms. */
export interface StoredRun {
  readonly record: RecordedRun;
  readonly finishedAt: number;
}

/** What the stored runs teach, as far as they were read, and what is to be learned after them. */
interface Reading {
  readonly known: KnownRuns;
  readonly after: Array<(known: KnownRuns) => void>;
  /** As they were when the reading began. */
  readonly speeds: Speeds;
}

export class ApplicationModels {
  #known: KnownRuns;
  #reading: Reading | undefined;

  constructor(random: Random) {
    this.#known = new KnownRuns(random);
  }

  /** The application's model; undefined before its first finished run. */
  model(app: string): ApplicationModel | undefined {
    return this.#known.models.get(app);
  }

  /** The application's model, or the prior from the tenant's other runs where it has none yet. */
  modelOrPrior(app: string): ApplicationModel {
    return this.#known.models.get(app) ?? this.#known.unknown;
  }

  all(): Iterable<ApplicationModel> {
    return this.#known.models.values();
  }

  /** The last runs as wholes. */
  get past(): PastRuns {
    return this.#known.past;
  }

  /** True from `beginReading` until the last part was read. */
  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  /** Learns a finished run. `at` is when it ended, epoch ms. */
  learn(run: RecordedRun, at: number, speeds: Speeds): void {
    this.#known.learn(run, at, speeds);
    if (!this.#reading) return;
    const speedsThen = speedsOf(
      run.units.map(({ backend }) => backend),
      speeds,
    );
    this.#reading.after.push((known) => known.learn(run, at, speedsThen));
  }

  /** A run of the application paused for so long and went on, ms. */
  paused(app: string, pauseMs: number): void {
    this.#known.paused(app, pauseMs);
    this.#reading?.after.push((known) => known.paused(app, pauseMs));
  }

  /** Stored runs will be read, at the speeds that these backends have now. */
  beginReading(backends: Iterable<string>, speeds: Speeds): void {
    this.#reading = { known: this.#known, after: [], speeds: speedsOf(backends, speeds) };
    this.#known = new KnownRuns(seededRandom(SEED_MEANWHILE));
  }

  /** Some of the newest stored runs, in the order in which they ended. */
  readNewest(runs: readonly StoredRun[]): void {
    if (this.#reading) learnAll(this.#known, runs, this.#reading.speeds);
  }

  /** The next stored runs, from the oldest on. */
  read(runs: readonly StoredRun[]): void {
    if (this.#reading) learnAll(this.#reading.known, runs, this.#reading.speeds);
  }

  /** All stored runs are read. */
  endReading(): void {
    if (!this.#reading) return;
    const { known, after } = this.#reading;
    this.#reading = undefined;
    for (const learn of after) learn(known);
    this.#known = known;
  }

  /** Silence after which a run of the application counts as ended, ms. */
  silenceMs(app: string, bounds: SilenceBounds): number {
    return this.model(app)?.silence.silenceMs(bounds) ?? bounds.assumedMs;
  }
}

function learnAll(known: KnownRuns, runs: readonly StoredRun[], speeds: Speeds): void {
  for (const { record, finishedAt } of runs) known.learn(record, finishedAt, speeds);
}

/** The speeds of these backends as they are now; others as they are then. */
function speedsOf(backends: Iterable<string>, speeds: Speeds): Speeds {
  const of = new Map([...backends].map((name) => [name, speeds(name)]));
  return (name) => of.get(name) ?? speeds(name);
}
