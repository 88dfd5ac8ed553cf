/**
 * The exact Gittins rank of a job of age a whose size X is given by samples (paper, section 4.2):
 *
 *   G(a) = min over d of  E[min(X - a, d) | X > a] / P(X - a <= d | X > a),   lower goes first.
 *
 * With R(t) the weight of the samples above t and B(t) the integral of R from t on, the ratio for
 * stopping at x_i is (B(a) - B(x_i)) / (R(a) - R(x_i)): the rank is the slope of the tangent from
 * the point of age a to the lower convex hull of the points beyond a. The hulls of all suffixes
 * share one chain of links, built from the right in O(n). The published code takes ten buckets and
 * omits the cost of the runs that do not finish, which ranks an exponential of mean 1 as 0.62.
 * Exact for the distribution of the samples; with few random samples the index itself is a low
 * estimate (docs/decisions.md, 14). Pure mathematics: the policy is order/policies/gittins.ts, and
 * the index on a graph of units is unit-gittins.ts.
 */
import { countUpTo } from './ascending.ts';

/** Lower bound of ranks: also a job of size 0 has a positive rank, and weights divide ranks. */
const LEAST_RANK = 1e-9;

/** The ranks of one set of samples, at any age: a query is a binary search and a short walk. */
export class RankTable {
  /** Number of samples given. */
  readonly size: number;
  /** Weighted mean of the samples, in their unit. */
  readonly mean: number;
  /** Distinct sizes of positive weight, ascending. */
  readonly #x: Float64Array;
  readonly #weight: Float64Array;
  /** R at each size, as #area is B; summed from the right so that rounding keeps a light tail. */
  readonly #rest: Float64Array;
  readonly #area: Float64Array;
  /** Index of the next point on the hull that begins at each point; n at the hull's end. */
  readonly #next: Int32Array;

  private constructor(size: number, x: Float64Array, weight: Float64Array) {
    const n = x.length;
    this.size = size;
    this.#x = x;
    this.#weight = weight;
    this.#rest = new Float64Array(n);
    this.#area = new Float64Array(n);
    this.#next = new Int32Array(n);
    let rest = 0;
    let area = 0;
    let above = x[n - 1] ?? 0;
    for (let i = n - 1; i >= 0; i -= 1) {
      const at = x[i] ?? 0;
      area += rest * (above - at);
      this.#rest[i] = rest;
      this.#area[i] = area;
      rest += weight[i] ?? 0;
      above = at;
    }
    const total = area + rest * above;
    if (!(total < Infinity)) throw new RangeError(`Expected a finite total size, got ${total}`);
    this.mean = total / rest;
    this.#link();
  }

  /**
   * Builds the table of a set of sizes, in any order, with weight 1 or a weight each; a sample of
   * weight 0 does not count. RangeError on an empty set, on another number of weights, on a size or
   * weight that is negative, infinite or NaN, and where no weight is above 0.
   */
  static of(samples: ArrayLike<number>, weights?: ArrayLike<number>): RankTable {
    const n = samples.length;
    if (n === 0) throw new RangeError('Expected at least one sample');
    for (let i = 0; i < n; i += 1) check(samples[i], 'size');
    const x = new Float64Array(samples).sort();
    const weight = new Float64Array(n);
    if (weights) {
      if (weights.length !== n) {
        throw new RangeError(`Expected ${n} weights, got ${weights.length}`);
      }
      // A binary search for each weight is several times faster than sorting indices by a
      // comparator.
      for (let i = 0; i < n; i += 1) {
        const at = countUpTo(x, samples[i] ?? 0) - 1;
        weight[at] = (weight[at] ?? 0) + check(weights[i], 'weight');
      }
    } else {
      weight.fill(1);
    }
    const distinct = compact(x, weight);
    if (distinct === 0) throw new RangeError('Expected a weight above 0, got none');
    return new RankTable(n, x.subarray(0, distinct), weight.subarray(0, distinct));
  }

  /**
   * The rank at an age, in the samples' unit: finite and positive at any finite age; RangeError on
   * another. Samples at or below the age do not count, including those of size 0 at age 0.
   */
  rankAt(ageMs: number): number {
    if (!Number.isFinite(ageMs)) throw new RangeError(`Expected a finite age, got ${ageMs}`);
    const n = this.#x.length;
    const first = countUpTo(this.#x, ageMs);
    // A run older than every sample ranks by one pseudo-sample of twice its age, so its remaining
    // work equals its age. The published code gives rank 0, the front of the queue, to exactly
    // these runs, which are the worst to serve. (The pseudo-sample's weight of 0.5 cancels: it is
    // the only one.)
    if (first === n) return Math.max(LEAST_RANK, ageMs);
    const weight = this.#weight[first] ?? 0;
    const area = (weight + (this.#rest[first] ?? 0)) * ((this.#x[first] ?? 0) - ageMs);
    let rank = area / weight;
    for (let to = this.#next[first] ?? n; to < n; to = this.#next[to] ?? n) {
      const slope = (area + this.#areaTo(first, to)) / (weight + this.#weightTo(first, to));
      if (slope > rank) break;
      rank = slope;
    }
    return Math.max(LEAST_RANK, rank);
  }

  /** Links each point to the next one on the hull of itself and all points to its right. */
  #link(): void {
    const n = this.#x.length;
    for (let i = n - 1; i >= 0; i -= 1) {
      let next = i + 1;
      while (next < n) {
        const after = this.#next[next] ?? n;
        if (after >= n || this.#slope(i, next) <= this.#slope(next, after)) break;
        next = after;
      }
      this.#next[i] = next;
    }
  }

  /** Infinite where rounding leaves no weight between the points: such a point is on no hull. */
  #slope(from: number, to: number): number {
    return this.#areaTo(from, to) / this.#weightTo(from, to);
  }

  #areaTo(from: number, to: number): number {
    return (this.#area[from] ?? 0) - (this.#area[to] ?? 0);
  }

  #weightTo(from: number, to: number): number {
    return (this.#rest[from] ?? 0) - (this.#rest[to] ?? 0);
  }
}

/** Merges equal sizes and drops sizes without weight, in place; returns how many are left. */
function compact(x: Float64Array, weight: Float64Array): number {
  let n = 0;
  for (let i = 0; i < x.length; i += 1) {
    const at = x[i] ?? 0;
    const w = weight[i] ?? 0;
    if (w === 0) continue;
    if (n > 0 && x[n - 1] === at) {
      weight[n - 1] = (weight[n - 1] ?? 0) + w;
      continue;
    }
    x[n] = at;
    weight[n] = w;
    n += 1;
  }
  return n;
}

function check(value: number | undefined, what: string): number {
  if (value === undefined || !(value >= 0) || value === Infinity) {
    throw new RangeError(`Expected a finite ${what} of 0 or more, got ${value}`);
  }
  return value;
}

/**
 * The same rank for one age, without a table, in O(n log n): for samples that are chosen per query,
 * so that a table would be used once only. Sorts the sizes in place; they must be finite and not
 * negative.
 */
export function rankOnce(sizes: Float64Array, age: number): number {
  sizes.sort();
  const n = sizes.length;
  const first = countUpTo(sizes, age);
  if (first === n) return Math.max(LEAST_RANK, age);
  const alive = n - first;
  let spent = 0;
  let best = Infinity;
  for (let i = first; i < n; i += 1) {
    const beyond = (sizes[i] ?? 0) - age;
    spent += beyond;
    // Samples up to this size cost what was left of them, the longer ones the whole distance to it.
    const done = i - first + 1;
    best = Math.min(best, (spent + (alive - done) * beyond) / done);
  }
  return Math.max(LEAST_RANK, best);
}
