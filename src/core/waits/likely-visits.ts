/**
 * The visits of finished runs that a visit in flight is like, with weights: what it is yet to take
 * and what follows it is drawn from them. A weight falls off with the distance, the faster the nearer
 * the nearest ones are.
 */
import { nearestRows } from '../learning/nearest.ts';
import { LIKENESS_FEATURES, type PastVisit } from '../learning/past-runs.ts';

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

/** Of a visit in flight. */
export interface VisitSoFar {
  readonly features: Float32Array;
  /** Logarithm of the mean output of its calls that have ended; undefined while none has. */
  readonly logOutput: number | undefined;
}

/** What is compared: the features, and the output where some calls have ended. */
const COMPARED = LIKENESS_FEATURES + 1;

/** Reused by each query. */
let scratch = new Float64Array(0);
const sums = new Float64Array(COMPARED);
const squares = new Float64Array(COMPARED);

export function likelyVisits(past: readonly PastVisit[], so: VisitSoFar): LikelyVisits {
  if (scratch.length < past.length) scratch = new Float64Array(2 * past.length);
  const distance = scratch.subarray(0, past.length).fill(0);
  addDistances(distance, past, so);
  const rows = [...nearestRows(distance, MOST)];
  const nearest = rows.map((row) => distance[row] ?? 0).sort((a, b) => a - b);
  const widthOf = nearest[Math.min(NEAR, nearest.length) - 1] ?? 0;
  const width = Math.max(LEAST_DISTANCE, widthOf);
  const weights = rows.map((row) => Math.exp(-(distance[row] ?? 0) / width));
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

function weighted(visits: readonly PastVisit[], weights: readonly number[]): LikelyVisits {
  const total = weights.reduce((sum, w) => sum + w, 0);
  let sum = 0;
  const upTo = Float64Array.from(weights, (w) => {
    sum += w;
    return sum / total;
  });
  return { visits, upTo };
}

/** Adds the squared distances in all that is compared, each in variances of it. */
function addDistances(distance: Float64Array, past: readonly PastVisit[], so: VisitSoFar): void {
  const n = past.length;
  const count = so.logOutput === undefined ? LIKENESS_FEATURES : COMPARED;
  sums.fill(0);
  squares.fill(0);
  for (let i = 0; i < n; i += 1) {
    const visit = past[i] as PastVisit;
    for (let f = 0; f < count; f += 1) {
      const value = compared(visit, f);
      sums[f] = (sums[f] as number) + value;
      squares[f] = (squares[f] as number) + value * value;
    }
  }
  for (let f = 0; f < count; f += 1) {
    const squared = squares[f] as number;
    const variance = squared / n - ((sums[f] as number) / n) ** 2;
    // The variance of equal values differs from 0 by rounding.
    if (variance <= (1e-6 * squared) / n) continue;
    const target = f < LIKENESS_FEATURES ? (so.features[f] as number) : (so.logOutput as number);
    for (let i = 0; i < n; i += 1) {
      const d = compared(past[i] as PastVisit, f) - target;
      distance[i] = (distance[i] as number) + (d * d) / variance;
    }
  }
}

function compared({ features, logOutput }: PastVisit, f: number): number {
  return f < LIKENESS_FEATURES ? (features[f] as number) : logOutput;
}
