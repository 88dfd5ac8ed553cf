/**
 * Whether to wake an endpoint now for a need that comes later than its cold start takes, because the
 * question is not asked again in time: the cron asks once a minute. It weighs what the wake saves
 * against the warm time before the need; a need within the cold start is decided in prewarm-rule.ts.
 */
import { demandProbability, type Forecast } from './prewarm.ts';

/** Points at which the time until the need is sampled: within the cold start, and after it. */
const STEPS = 4;

export interface LookAheadQuery {
  /** The expected demand within `withinMs` from now. */
  readonly forecast: (withinMs: number) => Forecast;
  readonly coldStartMs: number;
  /** Time until the question is asked again, ms. */
  readonly aheadMs: number;
  /** Slots of the endpoints that are up. */
  readonly capacity: number;
}

export interface LookAhead {
  readonly pays: boolean;
  /** Probability of a need within the horizon at which waking pays most. */
  readonly probability: number;
}

/**
 * With T the time until the need, t_p the cold start and h a horizon of at most t_p + `aheadMs`: a
 * wake now saves E[min(T, t_p); T <= h] of waiting, and costs E[(T - t_p)+; T <= h] + P(T > h) * h of
 * warm time that waking on demand would not. It pays where the first, times v / c, is at least the
 * second for some h. A steady rate then wakes at no lower level than it holds: P(need within t_p +
 * aheadMs) >= theta alone would, and the warm time would never be earned back.
 */
export function lookAhead(query: LookAheadQuery, threshold: number): LookAhead {
  const { coldStartMs, aheadMs, capacity, forecast } = query;
  const worth = (1 - threshold) / threshold;
  let [lastMs, lastP, savedMs, heldMs] = [0, 0, 0, 0];
  let best = { gainMs: -Infinity, probability: 0 };
  for (let step = 1; step <= 2 * STEPS; step += 1) {
    const later = Math.max(0, step - STEPS) / STEPS;
    const atMs = (Math.min(step, STEPS) / STEPS) * coldStartMs + later * aheadMs;
    const p = Math.max(lastP, demandProbability(forecast(atMs), capacity));
    const middleMs = (lastMs + atMs) / 2;
    savedMs += (p - lastP) * Math.min(middleMs, coldStartMs);
    heldMs += (p - lastP) * Math.max(0, middleMs - coldStartMs);
    [lastMs, lastP] = [atMs, p];
    const gainMs = worth * savedMs - heldMs - (1 - p) * atMs;
    if (gainMs > best.gainMs) best = { gainMs, probability: p };
  }
  return { pays: best.gainMs >= 0, probability: best.probability };
}
