/**
 * Least slack time first (the paper's Hermes-DDL): deadline less the mean remaining work. The
 * present time is the same for all runs and is left out. Runs without a deadline come last, by
 * arrival.
 */
import type { Policy } from '../policy.ts';
import { edf } from './edf.ts';
import { sjf } from './sjf.ts';

export const lstf: Policy = {
  name: 'lstf',
  callOrder: 'submission',
  key: 'rank',
  rank: (inputs) => {
    const deadline = edf.rank(inputs);
    return inputs.run.deadlineAt === undefined ? deadline : deadline - sjf.rank(inputs);
  },
};
