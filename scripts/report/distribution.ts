/** Distributions as they are drawn: cumulative shares, thinned without bending them; spans. */
import { percentile } from '../sim/summary.ts';

export interface CdfPoint {
  readonly value: number;
  /** Share of the values at or below this one: more than 0, at most 1. */
  readonly share: number;
}

/** Values of the tail that are kept one by one, since a share of them says little. */
const TAIL = 25;

/**
 * The cumulative distribution of the values (sorted). Each point is one of the exact curve; left out
 * are those less than `resolution` above the last, and none of the tail: drawn as steps, the curve
 * is nowhere off by more than that.
 */
export function cdf(sorted: readonly number[], resolution: number): CdfPoint[] {
  const n = sorted.length;
  const points: CdfPoint[] = [];
  let drawn = Number.NEGATIVE_INFINITY;
  sorted.forEach((value, i) => {
    // Of equal values the last has the share of them all.
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
