/**
 * The published code's formula, faults and all, to compare with: ten equal buckets of the remaining
 * work, E[Y | Y <= D] / P(Y <= D), and rank 0, the front of the queue, for a run that is older than
 * every sample. See gittins.ts for what is wrong with it.
 */
import { priorMs } from '../application-model.ts';
import type { Policy } from '../policy.ts';

const BUCKETS = 10;
const LEAST_RUNS = 3;

export const gittinsPublished: Policy = {
  name: 'gittins-published',
  callOrder: 'submission',
  key: 'aged',
  rank: ({ run, call, model, speeds }) => {
    const { backend } = call.visit;
    const totals = model?.totalMs(backend, speeds);
    if (!totals || totals.length < LEAST_RUNS) {
      return priorMs(run.stateIn(call.visit, speeds), backend, speeds);
    }
    return publishedRank(totals, run.attainedFromMs(backend, speeds));
  },
};

/** The formula, on samples of the total work and the work attained, in the same unit. */
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
