/**
 * The visits of finished runs that a visit in flight is like, with weights: what it is yet to take
 * and what follows it is drawn from them. A weight falls off with the distance, the faster the nearer
 * the nearest ones are.
 */
import { nearestRows } from '../learning/nearest.ts';
import type { PastVisit } from '../learning/past-runs.ts';
import type { LikenessTable, VisitSoFar } from './likeness-table.ts';

/** Visits that are drawn from. */
const MOST = 24;
/** At the distance of this one a weight is 1/e. */
const NEAR = 2;
/** Least of that distance, in variances: nothing is known to be alike to more than this. */
const LEAST_DISTANCE = 1e-3;

/** Visits with their weights, summed up. */
export interface LikelyVisits {
  readonly visits: readonly PastVisit[];
  /** Ascending to 1. */
  readonly upTo: Float64Array;
}

/** `table`: of `past`. */
export function likelyVisits(
  past: readonly PastVisit[],
  table: LikenessTable,
  so: VisitSoFar,
): LikelyVisits {
  const distance = table.distances(so);
  const rows = [...nearestRows(distance, MOST)];
  const nearest = Float64Array.from(rows, (row) => distance[row] as number);
  const weights = nearest.slice();
  const widthOf = nearest.sort()[Math.min(NEAR, nearest.length) - 1] ?? 0;
  const width = Math.max(LEAST_DISTANCE, widthOf);
  for (let i = 0; i < weights.length; i += 1) {
    weights[i] = Math.exp(-(weights[i] as number) / width);
  }
  return weighted(
    rows.map((row) => past[row] as PastVisit),
    weights,
  );
}

/** The same with each weight times a factor; those of factor 0 are left out. */
export function reweighted(
  likely: LikelyVisits,
  factorOf: (visit: PastVisit) => number,
): LikelyVisits {
  const { visits, upTo } = likely;
  if (visits.every((visit) => factorOf(visit) === 1)) return likely;
  const left: PastVisit[] = [];
  const weights: number[] = [];
  let before = 0;
  for (let i = 0; i < visits.length; i += 1) {
    const visit = visits[i] as PastVisit;
    const share = (upTo[i] as number) - before;
    before = upTo[i] as number;
    const weight = share > 0 ? share * factorOf(visit) : 0;
    if (weight <= 0) continue;
    left.push(visit);
    weights.push(weight);
  }
  return weighted(left, weights);
}

/** The visit at a share of the weight, 0 to 1; undefined where there is none. */
export function visitAt({ visits, upTo }: LikelyVisits, share: number): PastVisit | undefined {
  for (let i = 0; i < visits.length; i += 1) if (share < (upTo[i] ?? 0)) return visits[i];
  return visits.at(-1);
}

function weighted(visits: readonly PastVisit[], weights: ArrayLike<number>): LikelyVisits {
  const n = visits.length;
  const upTo = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i += 1) {
    sum += weights[i] as number;
    upTo[i] = sum;
  }
  for (let i = 0; i < n; i += 1) upTo[i] = (upTo[i] as number) / sum;
  return { visits, upTo };
}
