/**
 * Fair shares, for comparison: the application that had the least service goes first (Virtual Token
 * Counter; see ../service-accounts.ts), its calls in order of submission. It equalises shares and
 * does not minimise mean times.
 */
import type { Policy } from '../policy.ts';

export const vtc: Policy = {
  name: 'vtc',
  callOrder: 'submission',
  key: 'rank',
  sharesByApp: true,
  rank: ({ servedMs }) => servedMs,
};
