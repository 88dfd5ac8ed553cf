/** Least attained service: the run with the least work so far goes first. Needs no models. */
import type { Policy } from '../policy.ts';

export const las: Policy = {
  name: 'las',
  callOrder: 'submission',
  key: 'aged',
  foresight: (_model, { state }) => state.beforeMs,
  attained: 'up',
  rank: ({ run, speeds }) => run.attainedMs(speeds),
};
