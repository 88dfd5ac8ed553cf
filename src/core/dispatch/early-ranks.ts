/**
 * Re-ranks waiting runs whose application is hardly known: each early run changes its model much, and
 * newer runs with better-informed ranks would overtake those that wait. The runs that were stored before
 * a restart are learned here as well, part by part. A re-rank only lowers a key: the overtaking bound
 * that the client was told must hold.
 */
import type { Backend } from '../backends/backend.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { Effect, RunsRead } from './dispatch-events.ts';
import type { RunRegister } from './run-register.ts';

/** Finished runs up to which each further one may change its application's model much. */
const NEW_APPLICATION_RUNS = 8;

/** The part of the dispatcher's state that changes with what is learned of applications. */
export interface EarlyView {
  readonly models: ApplicationModels;
  readonly backends: ReadonlyMap<string, Backend>;
  readonly register: Pick<RunRegister, 'learned'>;
}

export class EarlyRanks {
  readonly #view: EarlyView;
  /** The part of the stored runs that was read last. */
  #lastRead: RunsRead['part'] | undefined;

  constructor(view: EarlyView) {
    this.#view = view;
  }

  /** Learns from a part of the stored runs; nothing once all are read. */
  read({ runs, part }: RunsRead): void {
    const { models, register } = this.#view;
    if (!models.isReading) return;
    const before = this.#lastRead;
    this.#lastRead = part;
    if (part === 'newest') return models.readNewest(runs);
    const isKnown = new Set([...models.all()].map(({ app }) => app));
    // Once, when the newest are all read: to rank each waiting run takes longer than to read some more.
    if (before === 'newest') this.#lowerApps(isKnown);
    models.read(runs);
    if (part === 'next') return;
    const hardlyKnown = this.#hardlyKnown(isKnown);
    models.endReading();
    register.learned();
    for (const { app } of models.all()) if (!isKnown.has(app)) hardlyKnown.add(app);
    this.#lowerApps(hardlyKnown);
  }

  /** Re-ranks the waiting runs of applications of which a run has just been learned. */
  rerank(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'run-finished' || !effect.learned || !effect.record) continue;
      this.#lowerApps(this.#hardlyKnown([effect.record.app]));
    }
  }

  /** Of the applications, those that have at most 8 finished runs. */
  #hardlyKnown(apps: Iterable<string>): Set<string> {
    const runsOf = (app: string) => this.#view.models.model(app)?.graph.runs ?? 0;
    return new Set([...apps].filter((app) => runsOf(app) <= NEW_APPLICATION_RUNS));
  }

  #lowerApps(apps: ReadonlySet<string>): void {
    for (const { queue } of this.#view.backends.values()) {
      for (const app of apps) queue.lowerApp(app);
    }
  }
}
