/** Least attained service: the run that has had the least work so far. Needs no models. */
import type { Policy } from '../policy.ts';

export const las: Policy = {
  name: 'las',
  callOrder: 'submission',
  key: 'aged',
  rank: ({ run, speeds }) => run.attainedMs(speeds),
};
