/**
 * The policy Gittins: the run that is likeliest to finish for the least work goes first (paper,
 * section 4.2, with the exact index of src/core/gittins/gittins.ts instead of ten buckets). Optimal
 * for the mean where sizes are known by their distribution only.
 */
import { type Policy, queryOf } from '../policy.ts';

export const gittins: Policy = {
  name: 'gittins',
  callOrder: 'longest-first',
  key: 'aged',
  foresight: (model, query) => model.rankMs(query),
  rank: (inputs) => inputs.model.rankMs(queryOf(inputs)),
};
