/**
 * Gittins on total work, as the paper describes it (section 4.2), for comparison: the distribution
 * of an application's whole work, conditioned only on the work attained. It uses the exact index;
 * gittins-published.ts uses the published one.
 */

import { rankOnce } from '../../gittins/gittins.ts';
import {
  type ApplicationModel,
  priorMs,
  type RankQuery,
} from '../../learning/application-model.ts';
import { type Policy, queryOf, type RankInputs } from '../policy.ts';

/** With fewer finished runs the prior ranks. */
const LEAST_RUNS = 3;

export const gittinsTotal: Policy = {
  name: 'gittins-total',
  callOrder: 'longest-first',
  key: 'aged',
  foresight: (model, query) => foreseenByTotal(model, query, rankOnce),
  attained: 'none',
  rank: (inputs) => rankByTotal(inputs, rankOnce),
};

type Formula = (totals: Float64Array, attainedMs: number) => number;

/** Rank by a formula of the total work of finished runs and the work attained, both in ms. */
export function rankByTotal(inputs: RankInputs, formula: Formula): number {
  const { run, call, model, speeds } = inputs;
  const { backend } = call.visit;
  const totals = model.totalMs(backend, speeds);
  if (totals.length < LEAST_RUNS) return priorMs(queryOf(inputs));
  return formula(totals, run.attainedFromMs(backend, speeds));
}

/** The same of a run that comes to a state: what it attained elsewhere is taken to be of the backend. */
export function foreseenByTotal(
  model: ApplicationModel,
  query: RankQuery,
  formula: Formula,
): number {
  const totals = model.totalMs(query.backend, query.speeds);
  if (totals.length < LEAST_RUNS) return priorMs(query);
  return formula(totals, query.state.beforeMs);
}
