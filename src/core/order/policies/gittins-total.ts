/**
 * Gittins on total work, as the paper describes it (section 4.2), for comparison: the distribution
 * of an application's whole work, conditioned only on the work attained. It uses the exact index;
 * gittins-published.ts uses the published one.
 */

import { rankOnce } from '../../gittins/gittins.ts';
import { priorMs } from '../../learning/application-model.ts';
import { type Policy, queryOf, type RankInputs } from '../policy.ts';

/** With fewer finished runs the prior ranks. */
const LEAST_RUNS = 3;

export const gittinsTotal: Policy = {
  name: 'gittins-total',
  callOrder: 'longest-first',
  key: 'aged',
  rank: (inputs) => rankByTotal(inputs, rankOnce),
};

/** Rank by a formula of the total work of finished runs and the work attained, both in ms. */
export function rankByTotal(
  inputs: RankInputs,
  formula: (totals: Float64Array, attainedMs: number) => number,
): number {
  const { run, call, model, speeds } = inputs;
  const { backend } = call.visit;
  const totals = model.totalMs(backend, speeds);
  if (totals.length < LEAST_RUNS) return priorMs(queryOf(inputs));
  return formula(totals, run.attainedFromMs(backend, speeds));
}
