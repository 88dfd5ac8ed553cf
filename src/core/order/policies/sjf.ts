/** Shortest mean remaining work first: what one gets who knows means but not distributions. */
import { type Policy, queryOf } from '../policy.ts';

export const sjf: Policy = {
  name: 'sjf',
  callOrder: 'longest-first',
  key: 'aged',
  rank: (inputs) => inputs.model.meanRemainingMs(queryOf(inputs)),
};
