/** Application first come, first served: all calls of a run rank by the run's arrival. */
import type { Policy } from '../policy.ts';

export const appFcfs: Policy = {
  name: 'app-fcfs',
  callOrder: 'submission',
  key: 'rank',
  keepsPlace: true,
  foresight: 'arrival',
  rank: ({ run }) => run.arrivedAt,
};
