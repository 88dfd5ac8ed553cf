/** Request first come, first served, as common gateways do: each call ranks by its own arrival. */
import type { Policy } from '../policy.ts';

export const fcfs: Policy = {
  name: 'fcfs',
  callOrder: 'submission',
  key: 'rank',
  foresight: 'joining',
  rank: ({ call }) => call.request.arrivedAt,
};
