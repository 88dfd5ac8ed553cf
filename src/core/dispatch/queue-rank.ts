/**
 * How long others can still overtake a run in the line. With a key of rank / weight + alpha *
 * arrival, a run that arrives later goes first only where it arrives within rank / (weight * alpha)
 * of this one: whatever comes after that waits behind it.
 */

import type { Policy } from '../order/policy.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';

/** A run's place in the order, in numbers. */
export interface QueueRank {
  /** The rank over the weight; of a policy that does not age, its key as it is. */
  readonly rankMs: number;
  /** Runs that arrive later than this after the run do not overtake it, ms; absent: no bound. */
  readonly boundMs?: number;
}

/** `promisedKey`: that by which others were told how far they can overtake it. */
export function queueRankOf(
  key: number,
  promisedKey: number,
  run: { readonly arrivedAt: number },
  policy: Policy,
  { alpha }: Pick<DispatcherConfig, 'alpha'>,
): QueueRank {
  if (policy.key === 'aged') {
    const rankMs = key - alpha * run.arrivedAt;
    const promisedMs = promisedKey - alpha * run.arrivedAt;
    // Whose deadline leaves no time goes first, however late it came.
    return alpha > 0 && !policy.timing
      ? { rankMs, boundMs: Math.max(0, promisedMs / alpha) }
      : { rankMs };
  }
  // In order of the runs' arrival none overtakes another.
  return policy.name === 'app-fcfs' ? { rankMs: key, boundMs: 0 } : { rankMs: key };
}
