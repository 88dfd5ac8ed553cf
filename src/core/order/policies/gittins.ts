/**
 * Gittins: the run that is likeliest to finish for the least work (paper, section 4.2; the exact
 * index instead of its ten buckets, see ../gittins.ts). Optimal for the mean where sizes are known
 * by their distribution only.
 */
import { type Policy, queryOf } from '../policy.ts';

export const gittins: Policy = {
  name: 'gittins',
  callOrder: 'longest-first',
  key: 'aged',
  rank: (inputs) => inputs.model.rankMs(queryOf(inputs)),
};
