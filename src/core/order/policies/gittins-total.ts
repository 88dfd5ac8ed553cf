/**
 * Gittins on total work, as the paper has it (section 4.2): the distribution of an application's
 * whole work, conditioned on nothing but the work attained. Exact index; to compare with.
 */

import { rankOnce } from '../../gittins/gittins.ts';
import { priorMs } from '../../learning/application-model.ts';
import { type Policy, queryOf, type RankInputs } from '../policy.ts';

/** With fewer finished runs there is nothing to rank by. */
const LEAST_RUNS = 3;

export const gittinsTotal: Policy = {
  name: 'gittins-total',
  callOrder: 'longest-first',
  key: 'aged',
  rank: (inputs) => rankByTotal(inputs, rankOnce),
};

/** Ranks by a formula of whole runs' work and the work attained, both in ms. */
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
