/**
 * By what visits of finished runs in one state are compared with one in flight, in columns: runs in
 * flight in that state share the table, and their distances are computed in the order of memory.
 */
import { LIKENESS_FEATURES, type PastVisit } from '../learning/past-runs.ts';

/** The features, and last the mean output, which counts once a call has ended. */
const COLUMNS = LIKENESS_FEATURES + 1;

/** Of a visit in flight. */
export interface VisitSoFar {
  readonly features: Float32Array;
  /** Logarithm of the mean output of its calls that have ended; undefined while none has. */
  readonly logOutput: number | undefined;
}

/** Reused by each query. */
let scratch = new Float64Array(0);

export class LikenessTable {
  readonly #first: PastVisit | undefined;
  readonly #last: PastVisit | undefined;
  readonly #size: number;
  readonly #columns: Float64Array;
  /** Of each column; 0 where all its values are equal, so that it tells nothing. */
  readonly #variances = new Float64Array(COLUMNS);

  constructor(past: readonly PastVisit[]) {
    const n = past.length;
    this.#first = past[0];
    this.#last = past[n - 1];
    this.#size = n;
    this.#columns = new Float64Array(n * COLUMNS);
    for (let row = 0; row < n; row += 1) {
      const { features, logOutput } = past[row] as PastVisit;
      for (let f = 0; f < LIKENESS_FEATURES; f += 1) {
        this.#columns[f * n + row] = features[f] as number;
      }
      this.#columns[LIKENESS_FEATURES * n + row] = logOutput;
    }
    for (let f = 0; f < COLUMNS; f += 1) this.#variances[f] = this.#varianceOf(f);
  }

  /** True while no visit was added to the list or left it: new ones come last, old ones leave first. */
  isOf(past: readonly PastVisit[]): boolean {
    const n = past.length;
    return n === this.#size && past[0] === this.#first && past[n - 1] === this.#last;
  }

  /** Squared distance of each visit, in variances. Valid until the next call. */
  distances({ features, logOutput }: VisitSoFar): Float64Array {
    const n = this.#size;
    if (scratch.length < n) scratch = new Float64Array(2 * n);
    const distance = scratch.subarray(0, n).fill(0);
    for (let f = 0; f < COLUMNS; f += 1) {
      const target = f < LIKENESS_FEATURES ? features[f] : logOutput;
      const variance = this.#variances[f] as number;
      if (target === undefined || variance === 0) continue;
      for (let row = 0, at = f * n; row < n; row += 1, at += 1) {
        const d = (this.#columns[at] as number) - target;
        distance[row] = (distance[row] as number) + (d * d) / variance;
      }
    }
    return distance;
  }

  #varianceOf(f: number): number {
    const n = this.#size;
    let [sum, squares] = [0, 0];
    for (let at = f * n; at < (f + 1) * n; at += 1) {
      const value = this.#columns[at] as number;
      sum += value;
      squares += value * value;
    }
    const variance = squares / n - (sum / n) ** 2;
    // The variance of equal values differs from 0 by rounding.
    return variance <= (1e-6 * squares) / n ? 0 : variance;
  }
}
