/** Pauses between attempts: they double up to a bound, and vary, so that pages do not come in step. */

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** `random` is in [0, 1): the pause is between half and all of its length. */
export function backoffMs(attempt: number, random: number): number {
  const length = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return length * (0.5 + random / 2);
}
