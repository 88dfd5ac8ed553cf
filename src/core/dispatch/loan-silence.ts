/**
 * How long slots are kept for an isolate that is not heard of. That time passes in steps, each of which
 * is seen to begin: a clock that jumps ahead takes one of them, and the others are time enough for the
 * calls on the slots to tell of themselves (src/calls/loan-holder.ts).
 */

/** Longest silence, ms: an isolate tells of every call within half a second. */
const LONGEST_MS = 30_000;
/**
 * The same of an isolate from which nothing has come yet, ms: it tells at once when it has the loan, so
 * the grant was lost.
 */
const FIRST_MS = 6_000;

/** Steps in which a loan is silent before it is over. */
export const SILENT_STEPS = 6;

/** Length of a step, ms. `isHeard`: something has come from the isolate since it got the loan. */
export function silentStepMs(isHeard: boolean, leaseMs: number): number {
  return Math.min(leaseMs, isHeard ? LONGEST_MS : FIRST_MS) / SILENT_STEPS;
}
