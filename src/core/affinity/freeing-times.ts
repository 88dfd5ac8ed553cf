/**
 * When slots of a busy endpoint are expected to come free, by what is known of the calls that run
 * there: how long their prompts are still read, and how long they have generated. Whether a cold
 * endpoint has to be woken is decided in backends/freeing-slots.ts.
 */

/** A call that runs, as far as its end is to be guessed. */
export interface RunningCall {
  readonly elapsedMs: number;
  /** Time that its prompt takes to be read, ms. */
  readonly readMs: number;
  /** Mean time that calls of its kind generate, ms. */
  readonly outputMs: number;
}

/** Most running calls that are looked at; the others are taken to be like them. */
const MAX_LOOKED_AT = 32;
/** Halvings of the interval in which the time is sought. */
const HALVINGS = 12;
/** The mean of an order statistic lies a little before the time at which so many are expected. */
const EARLIER = 0.45;

/**
 * Expected time until `wanted` slots came free, ms, of an endpoint with `count` running calls. A
 * call's rest is exponential once it generates; one that has generated for longer than usual is
 * taken to be a long one.
 */
export function freeingMs(running: Iterable<RunningCall>, count: number, wanted: number): number {
  const leftMs: number[] = [];
  const scaleMs: number[] = [];
  let totalMs = 0;
  for (const { elapsedMs, readMs, outputMs } of running) {
    leftMs.push(Math.max(0, readMs - elapsedMs));
    scaleMs.push(Math.max(1, outputMs, elapsedMs - readMs));
    totalMs += readMs + outputMs;
    if (leftMs.length >= MAX_LOOKED_AT) break;
  }
  const n = leftMs.length;
  if (n === 0) return 0;
  const all = Math.max(count, n);
  // A slot that comes free is taken again: beyond half of them, calls that come next end as well.
  const first = Math.min(wanted, Math.ceil(all / 2));
  const sought = first * (1 - EARLIER / all) * (n / all);
  let high = Math.max(...leftMs) + Math.max(...scaleMs);
  while (endedBy(high, leftMs, scaleMs) < sought) high *= 2;
  let low = 0;
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2;
    if (endedBy(middle, leftMs, scaleMs) < sought) low = middle;
    else high = middle;
  }
  return high + ((wanted - first) * totalMs) / n / all;
}

/** Expected number of calls that end within a time. */
function endedBy(ms: number, leftMs: readonly number[], scaleMs: readonly number[]): number {
  let ended = 0;
  for (let i = 0; i < leftMs.length; i += 1) {
    const generating = ms - (leftMs[i] ?? 0);
    if (generating > 0) ended += 1 - Math.exp(-generating / (scaleMs[i] ?? 1));
  }
  return ended;
}
