/**
 * The exact Gittins rank of a job of age a whose size X is known by samples (paper, section 4.2):
 *
 *   G(a) = min over d of  E[min(X - a, d) | X > a] / P(X - a <= d | X > a),   lower goes first.
 *
 * With sorted samples x_i, cumulative weights W_i and A_i = sum of w*x up to i + (W_n - W_i) * x_i,
 * the ratio for stopping at x_i is the slope from the point of age a to (W_i, A_i): the rank is the
 * slope of the tangent to the lower convex hull of the points beyond a. The hulls of all suffixes
 * share one chain of links, built from the right in O(n). The published code takes ten buckets and
 * forgets the price of the tries that fail, which ranks an exponential of mean 1 as 0.62.
 */

/** No rank is smaller: a job of size 0 still takes its turn, and weights divide ranks. */
const LEAST_RANK = 1e-9;

export class RankTable {
  readonly size: number;
  readonly mean: number;
  readonly #x: Float64Array;
  /** Cumulative weight up to and with each sample. */
  readonly #weight: Float64Array;
  readonly #a: Float64Array;
  /** The next point of the hull that begins at each point; n at its end. */
  readonly #next: Int32Array;

  private constructor(x: Float64Array, weights: Float64Array | undefined) {
    const n = x.length;
    this.size = n;
    this.#x = x;
    this.#weight = new Float64Array(n);
    this.#a = new Float64Array(n);
    this.#next = new Int32Array(n);
    let cumulative = 0;
    let sum = 0;
    for (let i = 0; i < n; i += 1) {
      cumulative += weights?.[i] ?? 1;
      sum += (weights?.[i] ?? 1) * (x[i] ?? 0);
      this.#weight[i] = cumulative;
      this.#a[i] = sum;
    }
    this.mean = sum / cumulative;
    for (let i = 0; i < n; i += 1) {
      this.#a[i] = (this.#a[i] ?? 0) + (cumulative - (this.#weight[i] ?? 0)) * (x[i] ?? 0);
    }
    this.#link();
  }

  /**
   * Builds the table of a set of sizes, in any order, each of weight 1 or of a weight above 0.
   * RangeError on an empty set, a negative or infinite size, a weight that is not above 0.
   */
  static of(samples: ArrayLike<number>, weights?: ArrayLike<number>): RankTable {
    const n = samples.length;
    if (n === 0) throw new RangeError('Expected at least one sample');
    for (let i = 0; i < n; i += 1) check(samples[i], 0, 'a size of 0 or more');
    if (!weights) return new RankTable(Float64Array.from(samples).sort(), undefined);
    if (weights.length !== n) {
      throw new RangeError(`Expected ${n} weights, got ${weights.length}`);
    }
    for (let i = 0; i < n; i += 1) check(weights[i], Number.MIN_VALUE, 'a weight above 0');
    const order = Int32Array.from({ length: n }, (_, i) => i);
    order.sort((a, b) => (samples[a] ?? 0) - (samples[b] ?? 0));
    return new RankTable(
      Float64Array.from(order, (i) => samples[i] ?? 0),
      Float64Array.from(order, (i) => weights[i] ?? 0),
    );
  }

  /** The rank at an age, in the samples' unit: finite and positive at any age. */
  rankAt(age: number): number {
    const n = this.size;
    const first = this.#firstBeyond(age);
    if (first === n) {
      // Older than every sample: as if one more were twice as long. The published code gives 0,
      // the front of the queue, to exactly those runs that are worst to serve.
      const max = Math.max(age, this.#x[n - 1] ?? 0);
      return Math.max(LEAST_RANK, 2 * max - age);
    }
    const last = first > 0 ? (this.#weight[first - 1] ?? 0) : 0;
    const total = this.#weight[n - 1] ?? 0;
    const spent = (first > 0 ? this.#sumUpTo(first - 1) : 0) + (total - last) * age;
    let at = first;
    let slope = this.#slopeFrom(last, spent, at);
    for (let next = this.#next[at] ?? n; next < n; next = this.#next[at] ?? n) {
      const steeper = this.#slopeFrom(last, spent, next);
      if (steeper > slope) break;
      slope = steeper;
      at = next;
    }
    return Math.max(LEAST_RANK, slope);
  }

  /** Weighted sum of the samples up to and with i. */
  #sumUpTo(i: number): number {
    const rest = (this.#weight[this.size - 1] ?? 0) - (this.#weight[i] ?? 0);
    return (this.#a[i] ?? 0) - rest * (this.#x[i] ?? 0);
  }

  #slopeFrom(weight: number, a: number, to: number): number {
    return ((this.#a[to] ?? 0) - a) / ((this.#weight[to] ?? 0) - weight);
  }

  /** Index of the first sample above the age. */
  #firstBeyond(age: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#x[middle] ?? 0) > age) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Links each point to the next of the hull of itself and all points to its right. */
  #link(): void {
    const n = this.size;
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

  #slope(from: number, to: number): number {
    return this.#slopeFrom(this.#weight[from] ?? 0, this.#a[from] ?? 0, to);
  }
}

function check(value: number | undefined, least: number, expected: string): void {
  if (value === undefined || !(value >= least) || value === Infinity) {
    throw new RangeError(`Expected ${expected}, got ${value}`);
  }
}
