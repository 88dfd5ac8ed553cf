/**
 * Distributions as the charts draw them: cumulative distributions with few points, and medians with
 * 95th percentiles.
 */
import { percentile } from '../sim/summary.ts';

export interface CdfPoint {
  readonly value: number;
  /** Share of the values at or below this one: more than 0, at most 1. */
  readonly share: number;
}

/**
 * The number of largest values that are all kept: with so few, a difference in share says little.
 */
const TAIL = 25;

/**
 * The cumulative distribution of sorted values. Each point lies on the exact curve. Points less
 * than `resolution` above the previous one are left out, except in the tail, so the curve drawn in
 * steps is nowhere off by more than `resolution`.
 */
export function cdf(sorted: readonly number[], resolution: number): CdfPoint[] {
  const n = sorted.length;
  const points: CdfPoint[] = [];
  let drawn = Number.NEGATIVE_INFINITY;
  sorted.forEach((value, i) => {
    // Of equal values, the last one has the share of all of them.
    if (sorted[i + 1] === value) return;
    const share = (i + 1) / n;
    if (i < n - TAIL && share - drawn < resolution) return;
    points.push({ value, share });
    drawn = share;
  });
  return points;
}

export interface Span {
  readonly count: number;
  readonly median: number;
  readonly p95: number;
}

export function spanOf(values: readonly number[]): Span {
  const sorted = [...values].sort((a, b) => a - b);
  return { count: sorted.length, median: percentile(sorted, 0.5), p95: percentile(sorted, 0.95) };
}
