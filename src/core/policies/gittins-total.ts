/**
 * Gittins on total work, as the paper has it (section 4.2): the distribution of an application's
 * whole work, conditioned on nothing but the work attained. Exact index; to compare with.
 */
import { priorMs } from '../application-model.ts';
import { RankTable } from '../gittins.ts';
import type { Policy } from '../policy.ts';

/** With fewer finished runs there is nothing to rank by. */
const LEAST_RUNS = 3;

export const gittinsTotal: Policy = {
  name: 'gittins-total',
  callOrder: 'longest-first',
  key: 'aged',
  rank: ({ run, call, model, speeds }) => {
    const { backend } = call.visit;
    const totals = model?.totalMs(backend, speeds);
    if (!totals || totals.length < LEAST_RUNS) {
      return priorMs(run.stateIn(call.visit, speeds), backend, speeds);
    }
    return RankTable.of(totals).rankAt(run.attainedFromMs(backend, speeds));
  },
};
