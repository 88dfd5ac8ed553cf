/**
 * The ranks that runs will have when they come to a visit (`Policy.foresight`), as draws of a queue ask
 * for them. A rank costs as much as some hundred events of a draw, and visits whose states differ by a
 * few percent have nearly the same: such visits share one.
 */

import type { RankQuery } from '../learning/application-model.ts';
import type { ApplicationModels } from '../learning/application-models.ts';
import type { PastVisit, SharedRank } from '../learning/past-runs.ts';
import type { Policy } from '../order/policy.ts';
import { RecentMap } from '../runs/recent-map.ts';
import type { VisitState } from '../runs/visit-state.ts';
import { COST, type ForecastBudget } from './forecast-budget.ts';

/** A rank is computed anew once the application's runs have grown by this factor. */
const RANK_KEPT = 1.25;
/** Steps of the logarithm of what a state counts, within which states are taken as equal: 3 %. */
const STEPS = 32;
/** States whose rank is shared. */
const MOST_STATES = 4_096;

export class ForeseenRanks {
  readonly #models: ApplicationModels;
  readonly #ofState = new RecentMap<SharedRank>(MOST_STATES);

  readonly #budget: ForecastBudget;

  constructor(models: ApplicationModels, budget: ForecastBudget) {
    this.#models = models;
    this.#budget = budget;
  }

  /** Rank of a run that comes to the state of a finished one, ms. */
  rankMs(
    visit: PastVisit,
    policy: Pick<Policy, 'name' | 'foresight'>,
    query: Omit<RankQuery, 'state' | 'attainedMs'>,
  ): number {
    const { app, state } = visit;
    const model = this.#models.modelOrPrior(app);
    const { runs } = model.graph;
    visit.rank ??= this.#shared(app, state, query.backend);
    const { rank } = visit;
    const isKept = runs >= rank.ofRuns && runs <= rank.ofRuns * RANK_KEPT;
    if (rank.by === policy.name && isKept) return rank.ms;
    const { foresight } = policy;
    this.#budget.spend(COST.rank);
    rank.ms =
      typeof foresight === 'function' ? foresight(model, { ...query, state, attainedMs: 0 }) : 0;
    rank.ofRuns = runs;
    rank.by = policy.name;
    return rank.ms;
  }

  #shared(app: string, state: VisitState, backend: string): SharedRank {
    const { unit, visit, fanOut, fanOutBefore, inputTokens, beforeMs } = state;
    const counted = [fanOut, fanOutBefore, inputTokens, beforeMs].map(stepOf);
    const key = [app, unit, visit, backend, ...counted].join('\n');
    const known = this.#ofState.get(key);
    if (known) return known;
    const rank: SharedRank = { ms: 0, ofRuns: 0, by: undefined };
    this.#ofState.set(key, rank);
    return rank;
  }
}

function stepOf(value: number): number {
  return Math.round(STEPS * Math.log1p(value));
}
