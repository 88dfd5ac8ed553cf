/**
 * The formula of the published code with its faults, for comparison: ten equal buckets of the
 * remaining work, E[Y | Y <= D] / P(Y <= D), and rank 0, the front of the queue, for a run that is
 * older than every sample. The exact index and what is wrong here are in
 * src/core/gittins/gittins.ts.
 */
import type { Policy } from '../policy.ts';
import { foreseenByTotal, rankByTotal } from './gittins-total.ts';

const BUCKETS = 10;

export const gittinsPublished: Policy = {
  name: 'gittins-published',
  callOrder: 'submission',
  key: 'aged',
  foresight: (model, query) => foreseenByTotal(model, query, publishedRank),
  attained: 'none',
  rank: (inputs) => rankByTotal(inputs, publishedRank),
};

/** The published rank; samples of the total work and the work attained are in the same unit. */
export function publishedRank(totals: ArrayLike<number>, attained: number): number {
  const remaining = Array.from(totals, (x) => x - attained).filter((y) => y > 0);
  if (remaining.length === 0) return 0;
  const longest = remaining.reduce((max, y) => Math.max(max, y), 0);
  let best = Infinity;
  for (let bucket = 1; bucket <= BUCKETS; bucket += 1) {
    const within = remaining.filter((y) => y <= (longest * bucket) / BUCKETS);
    if (within.length === 0) continue;
    const mean = within.reduce((sum, y) => sum + y, 0) / within.length;
    best = Math.min(best, mean / (within.length / remaining.length));
  }
  return best;
}
