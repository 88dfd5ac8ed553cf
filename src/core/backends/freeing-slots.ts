/**
 * Whether the endpoints that are up can be expected to serve waiting calls within a time, by how long
 * their running calls have run. Wakes for calls that wait depend on it; forecasts of calls that have
 * not arrived are in prewarm/.
 */

/** A call may be left to the endpoints that are up where they are late for it with less chance. */
const LATE_CHANCE = 0.1;
/** Normal quantile of the same, for long queues. */
const LATE_QUANTILE = 1.2816;
/** Queues up to this length are computed exactly. */
const MAX_EXACT = 20;
/** Most running calls that are looked at; the others are taken to be like them. */
const MAX_LOOKED_AT = 256;

/** A call that runs, as far as its end is to be guessed. */
export interface RunningCall {
  readonly elapsedMs: number;
  /** Its whole service time, by what is known of its kind, ms; Infinity for nothing. */
  readonly expectedMs: number;
}

/**
 * True where fewer than `waiting` slots come free within `withinMs` with a chance that matters. A call
 * that has run for longer than expected is taken to be a long one: its rest is as long as it has run.
 */
export function isLate(
  waiting: number,
  running: Iterable<RunningCall>,
  count: number,
  withinMs: number,
): boolean {
  if (waiting <= 0) return false;
  let freed = 0;
  let lookedAt = 0;
  for (const { elapsedMs, expectedMs } of running) {
    freed += withinMs / Math.max(1, expectedMs, elapsedMs);
    lookedAt += 1;
    if (!isFewer(waiting, freed)) return false;
    if (lookedAt >= MAX_LOOKED_AT) break;
  }
  return isFewer(waiting, lookedAt === 0 ? 0 : (freed * count) / lookedAt);
}

/** P(a Poisson number with this mean is less than `wanted`) >= LATE_CHANCE. */
function isFewer(wanted: number, mean: number): boolean {
  if (wanted > MAX_EXACT) return wanted - 0.5 > mean - LATE_QUANTILE * Math.sqrt(mean);
  let term = Math.exp(-mean);
  let sum = 0;
  for (let k = 0; k < wanted; k += 1) {
    sum += term;
    term *= mean / (k + 1);
  }
  return sum >= LATE_CHANCE;
}
