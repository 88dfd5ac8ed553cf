/**
 * A prewarm rule that knows the trace: the bound that real rules are compared with. The times at
 * which each backend is needed come from a simulation in which nothing is ever cold. If the oracle
 * avoids all cold starts, these are the actual times.
 */
import type { PrewarmRule } from '../../src/core/prewarm/prewarm-rule.ts';

/** The times at which calls were served at each backend, ascending, in ms. */
export type Needs = ReadonlyMap<string, readonly number[]>;

/**
 * Wakes an endpoint when the next need is at most a cold start away, and holds it while the next
 * need comes so soon that waking it again would take as much warm time.
 */
export function oracleRule(needs: Needs): PrewarmRule {
  const next = (backend: string, now: number) => firstAtOrAfter(needs.get(backend) ?? [], now);
  return {
    wake: ({ backend, now, coldStartMs }) => decision(next(backend, now) - now <= coldStartMs),
    hold: ({ backend, now, coldStartMs }) => decision(next(backend, now) - now <= coldStartMs),
  };
}

/**
 * The times in ms at which to ask the oracle, so that an endpoint is warm at the need and no
 * earlier.
 */
export function wakeTimes(needs: readonly number[], coldStartMs: number): number[] {
  return needs.map((at) => Math.max(0, at - coldStartMs));
}

function decision(wake: boolean) {
  return { wake, probability: wake ? 1 : 0, reason: 'the trace' };
}

function firstAtOrAfter(times: readonly number[], now: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) >= now) high = middle;
    else low = middle + 1;
  }
  return times[low] ?? Infinity;
}
