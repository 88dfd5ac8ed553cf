/** Earliest deadline first; runs without a deadline come last, in order of arrival. */
import type { Policy } from '../policy.ts';

/** Later than any deadline, and still exact to the millisecond when an arrival is added. */
const NO_DEADLINE = 1e14;

export const edf: Policy = {
  name: 'edf',
  callOrder: 'submission',
  key: 'rank',
  rank: ({ run }) => run.deadlineAt ?? NO_DEADLINE + run.arrivedAt,
};
