/**
 * Corrects a rank for parallelism: a rank counts slot-milliseconds and ignores how long a run takes
 * even if it never waits. Parallel work (a fan-out) loses little by starting late, since it fills
 * the slots that are free at the end; a chain of calls cannot be shortened. Parallel work therefore
 * counts at a higher price, and chains go earlier. On recorded workloads this lowers P95 and P99 by
 * 5 to 20 % at the same mean (docs/decisions.md, 15); at one slot it changes nothing.
 */

/** Surcharge on a millisecond of parallel work. */
const PARALLEL_PRICE = 1.5;

/**
 * The corrected rank, ms. `workMs` (remaining slot-milliseconds) and `pathMs` (critical path) are
 * sums over the same samples; `slots` are those of the backend, Infinity for no limit.
 */
export function pricedRankMs(rankMs: number, workMs: number, pathMs: number, slots: number) {
  if (!(workMs > 0)) return rankMs;
  // With few slots the work, spread over them, takes longer than the critical path.
  const chainMs = Math.max(pathMs, workMs / slots);
  const parallelShare = 1 - Math.min(1, chainMs / workMs);
  return rankMs * (1 + PARALLEL_PRICE * parallelShare);
}
