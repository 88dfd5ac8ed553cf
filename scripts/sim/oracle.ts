/**
 * A rule of prewarming that knows the trace: the bound to compare with. When each backend is needed
 * is taken from a simulation in which nothing is ever cold; where the oracle keeps every cold start
 * away, those are the true times.
 */
import type { PrewarmRule } from '../../src/core/prewarm/prewarm-rule.ts';

/** When calls were served at each backend, ascending, ms. */
export type Needs = ReadonlyMap<string, readonly number[]>;

/**
 * Wakes an endpoint when the next need is a cold start away, and holds it while the next need comes
 * so soon that a cold start would cost as much.
 */
export function oracleRule(needs: Needs): PrewarmRule {
  const next = (backend: string, now: number) => firstAtOrAfter(needs.get(backend) ?? [], now);
  return {
    wake: ({ backend, now, coldStartMs }) => decision(next(backend, now) - now <= coldStartMs),
    hold: ({ backend, now, coldStartMs }) => decision(next(backend, now) - now <= coldStartMs),
  };
}

/** When the oracle must be asked, so that an endpoint is warm at the need and no earlier, ms. */
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
