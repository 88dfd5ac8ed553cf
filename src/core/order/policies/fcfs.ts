/** Request first come, first served: what today's gateways do. Each call by its own submission. */
import type { Policy } from '../policy.ts';

export const fcfs: Policy = {
  name: 'fcfs',
  callOrder: 'submission',
  key: 'rank',
  rank: ({ call }) => call.request.arrivedAt,
};
