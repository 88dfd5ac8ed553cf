/** Application first come, first served: every call of a run has the place of the run's arrival. */
import type { Policy } from '../policy.ts';

export const appFcfs: Policy = {
  name: 'app-fcfs',
  callOrder: 'submission',
  key: 'rank',
  rank: ({ run }) => run.arrivedAt,
};
