/**
 * Fair shares: the application that has had the least service goes first (Virtual Token Counter; see
 * ../service-accounts.ts), its own calls in the order of their submission. A share of one, not a
 * short time for all: to compare with.
 */
import type { Policy } from '../policy.ts';

export const vtc: Policy = {
  name: 'vtc',
  callOrder: 'submission',
  key: 'rank',
  sharesByApp: true,
  rank: ({ servedMs }) => servedMs,
};
