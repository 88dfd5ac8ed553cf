/** Least attained service: the run with the least work so far goes first. Needs no models. */
import type { Policy } from '../policy.ts';

export const las: Policy = {
  name: 'las',
  callOrder: 'submission',
  key: 'aged',
  rank: ({ run, speeds }) => run.attainedMs(speeds),
};
