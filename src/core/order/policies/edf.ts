/** Earliest deadline first; runs without a deadline come last, by arrival. */
import type { Policy } from '../policy.ts';

/** Later than any deadline; the sum with an arrival is still exact to the millisecond. */
const NO_DEADLINE = 1e14;

export const edf: Policy = {
  name: 'edf',
  callOrder: 'submission',
  key: 'rank',
  rank: ({ run }) => run.deadlineAt ?? NO_DEADLINE + run.arrivedAt,
};
