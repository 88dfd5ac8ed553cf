/** Shortest mean remaining work first: what one gets who knows means but not distributions. */
import { priorMs } from '../application-model.ts';
import { type Policy, queryOf } from '../policy.ts';

export const sjf: Policy = {
  name: 'sjf',
  callOrder: 'longest-first',
  key: 'aged',
  rank: (inputs) => {
    const query = queryOf(inputs);
    return inputs.model?.meanRemainingMs(query) ?? priorMs(query);
  },
};
