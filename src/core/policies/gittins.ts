/**
 * Gittins: the run that is likeliest to finish for the least work (paper, section 4.2; the exact
 * index instead of its ten buckets, see ../gittins.ts). Optimal for the mean where sizes are known
 * by their distribution only.
 */
import { priorMs } from '../application-model.ts';
import { workMs } from '../demand.ts';
import type { Policy } from '../policy.ts';

export const gittins: Policy = {
  name: 'gittins',
  callOrder: 'longest-first',
  key: 'aged',
  rank: ({ run, call, model, speeds }) => {
    const { visit } = call;
    const { backend } = visit;
    const state = run.stateIn(visit, speeds);
    if (!model) return priorMs(state, backend, speeds);
    return model.rankMs({
      state,
      backend,
      attainedMs: workMs(visit.done, speeds(backend)),
      speeds,
    });
  },
};
