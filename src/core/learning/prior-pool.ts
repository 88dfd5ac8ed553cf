/**
 * The prior for a unit that was never or hardly seen: samples of similar units of the same tenant.
 * It is not a model of any application (application-model.ts).
 *
 * There are three levels; the most similar one with enough data is used: visits on the same backend
 * (the same model or tool), visits of the same kind on any backend, and a built-in guess. The
 * nearest samples of a level count as three of the unit's own, so a few own samples outweigh them.
 */
import type { Demand, Speed } from '../runs/demand.ts';
import type { Likeness } from '../runs/visit-state.ts';
import type { Random } from './random.ts';
import { SampleTable } from './sample-table.ts';
import type { VisitSample } from './visit-sample.ts';

/** Total weight of the prior, in samples of the unit itself. */
export const PRIOR_WEIGHT = 3;
/** A level with fewer samples is not used. */
const MIN_SAMPLES_OF_LEVEL = 20;

/** What some finished runs still did from a visit on, this visit included; one element per run. */
export interface Prospects {
  /** Work that the run still asked of one backend, slot-ms. */
  readonly workMs: Float64Array;
  /** Time to the end of a run that never waits, ms. */
  readonly pathMs: Float64Array;
}

export class PriorPool {
  readonly #byBackend = new Map<string, SampleTable>();
  /** Visits with calls to models, measured in tokens, and all others, measured in time. */
  readonly #models = new SampleTable(1);
  readonly #others = new SampleTable(1);

  /** Adds a visit of a finished run; `remaining` is what the run still asked of its backend. */
  learn(
    backend: string,
    visit: Omit<VisitSample, 'shares'>,
    remaining: Demand,
    at: number,
    random: Random,
  ): void {
    const sample = { ...visit, shares: [{ remaining, needMs: 0 }] };
    let table = this.#byBackend.get(backend);
    if (!table) {
      table = new SampleTable(1);
      this.#byBackend.set(backend, table);
    }
    table.add(sample, at, random);
    this.#ofKind(visit).add(sample, at, random);
  }

  /** The nearest visits of the most similar level; undefined where only the guess is left. */
  prospects(like: Likeness, backend: string, speed: Speed): Prospects | undefined {
    for (const table of [this.#byBackend.get(backend), this.#ofKind(like)]) {
      if (!table || table.size < MIN_SAMPLES_OF_LEVEL) continue;
      const rows = table.nearest(like);
      return { workMs: table.remainingMs(rows, 0, speed), pathMs: table.pathMs(rows) };
    }
    return undefined;
  }

  #ofKind(like: Likeness): SampleTable {
    return like.inputTokens > 0 ? this.#models : this.#others;
  }
}
