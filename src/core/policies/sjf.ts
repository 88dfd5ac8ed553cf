/** Shortest mean remaining work first: what one gets who knows means but not distributions. */
import { priorMs } from '../application-model.ts';
import { workMs } from '../demand.ts';
import type { Policy } from '../policy.ts';

export const sjf: Policy = {
  name: 'sjf',
  callOrder: 'longest-first',
  key: 'aged',
  rank: ({ run, call, model, speeds }) => {
    const { visit } = call;
    const { backend } = visit;
    const state = run.stateIn(visit, speeds);
    if (!model) return priorMs(state, backend, speeds);
    const attainedMs = workMs(visit.done, speeds(backend));
    return model.meanRemainingMs({ state, backend, attainedMs, speeds });
  },
};
