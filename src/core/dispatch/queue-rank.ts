/**
 * What clients are told of a waiting run: its rank, and how long later runs can overtake it. With
 * key = rank / weight + alpha * arrival, a later run goes first only if it arrives within
 * rank / (weight * alpha) after this one. The key itself is computed in ranking.ts.
 */

import type { Policy } from '../order/policy.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';

/** A run's rank and overtaking bound. */
export interface QueueRank {
  /** rank / weight; the key itself for a policy that does not age. */
  readonly rankMs: number;
  /** Only runs that arrive within this time after the run can overtake it, ms; absent: any. */
  readonly boundMs?: number;
}

/**
 * The same for a call that is held back for an endpoint until a time, epoch ms: meanwhile runs of
 * whatever arrival take slots that it leaves.
 */
export function withHold(
  rank: QueueRank,
  run: { readonly arrivedAt: number },
  heldTo: number | undefined,
): QueueRank {
  if (rank.boundMs === undefined || heldTo === undefined) return rank;
  return { ...rank, boundMs: Math.max(rank.boundMs, heldTo - run.arrivedAt) };
}

/** Computes them. `promisedKey`: the key from which the bound that clients were told follows. */
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
    // No bound where the policy heeds deadlines: an urgent run goes first, however late it arrives.
    return alpha > 0 && !policy.timing
      ? { rankMs, boundMs: Math.max(0, promisedMs / alpha) }
      : { rankMs };
  }
  // In order of arrival no run overtakes another.
  return policy.name === 'app-fcfs' ? { rankMs: key, boundMs: 0 } : { rankMs: key };
}
