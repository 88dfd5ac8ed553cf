/**
 * What to expect of a unit that was never seen: what other units of the tenant did where they looked
 * like it. Three levels, the most similar that has data: visits on the same backend (the same model
 * or tool), visits of the same kind on any backend, and a built-in guess. The nearest samples of a level
 * count as three of the unit's own, so that a few own samples outweigh them.
 */
import type { Demand, Speed } from '../runs/demand.ts';
import type { Likeness } from '../runs/visit-state.ts';
import type { Random } from './random.ts';
import { SampleTable, type VisitSample } from './sample-table.ts';

/** Total weight of the prior, in samples of the unit itself. */
export const PRIOR_WEIGHT = 3;
/** A level with fewer samples than this says too little. */
const LEAST_OF_A_LEVEL = 20;

/** Of each of some finished runs, from a visit on and this included. */
export interface Prospects {
  /** Work that the run still asked of one backend, ms. */
  readonly workMs: Float64Array;
  /** Time to the run's end, had it never waited, ms. */
  readonly pathMs: Float64Array;
}

export class PriorPool {
  readonly #byBackend = new Map<string, SampleTable>();
  /** Calls to models, measured in tokens, and all others, measured in time. */
  readonly #models = new SampleTable(1);
  readonly #others = new SampleTable(1);

  /** Takes in one visit of a finished run; `remaining` is asked of the visit's own backend. */
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
      if (!table || table.size < LEAST_OF_A_LEVEL) continue;
      const rows = table.nearest(like);
      return { workMs: table.remainingMs(rows, 0, speed), pathMs: table.pathMs(rows) };
    }
    return undefined;
  }

  #ofKind(like: Likeness): SampleTable {
    return like.inputTokens > 0 ? this.#models : this.#others;
  }
}
