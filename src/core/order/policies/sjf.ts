/**
 * Shortest mean remaining work first: the best order where means are known but no distributions.
 */
import { type Policy, queryOf } from '../policy.ts';

export const sjf: Policy = {
  name: 'sjf',
  callOrder: 'longest-first',
  key: 'aged',
  foresight: (model, query) => model.meanRemainingMs(query),
  rank: (inputs) => inputs.model.meanRemainingMs(queryOf(inputs)),
};
