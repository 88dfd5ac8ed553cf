/**
 * Least slack first (the paper's Hermes-DDL): deadline less the mean work that remains. The present
 * time is the same for all and is left out. Runs without a deadline come last, by arrival.
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
