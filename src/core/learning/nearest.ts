/**
 * Selects the k nearest of n rows by distance, in O(n): sorting would take longer than all other
 * steps of a rank together. The distances are computed in sample-table.ts.
 */

/** Reused by each query: allocating this memory would take longer than using it. */
const scratch = { values: new Float64Array(0), rows: new Int32Array(0) };

/**
 * Row numbers of the `k` smallest distances, in the order of the rows. Of equal distances later
 * rows are preferred: where all runs are alike, rows differ only by age, and the last rows are the
 * newest until a table is full. Valid until the next call.
 */
export function nearestRows(distance: Float64Array, k: number): Int32Array {
  const n = distance.length;
  if (scratch.rows.length < n) {
    scratch.values = new Float64Array(n);
    scratch.rows = new Int32Array(n);
  }
  const rows = scratch.rows.subarray(0, Math.min(k, n));
  if (k >= n) {
    for (let i = 0; i < n; i += 1) rows[i] = i;
    return rows;
  }
  scratch.values.set(distance);
  const bound = kthSmallest(scratch.values, n, k - 1);
  let withinBound = 0;
  for (let i = 0; i < n; i += 1) if ((distance[i] ?? 0) <= bound) withinBound += 1;
  // Number of rows at the bound to skip; the first ones are skipped.
  let surplus = withinBound - k;
  let taken = 0;
  for (let i = 0; i < n && taken < k; i += 1) {
    const d = distance[i] ?? 0;
    if (d > bound) continue;
    if (d === bound && surplus > 0) {
      surplus -= 1;
      continue;
    }
    rows[taken] = i;
    taken += 1;
  }
  return rows;
}

/** The value at index `k` of the first `n` in ascending order, by Hoare's selection; reorders them. */
function kthSmallest(values: Float64Array, n: number, k: number): number {
  let low = 0;
  let high = n - 1;
  while (low < high) {
    partition(values, low, high);
    if (k <= cut.below) high = cut.below;
    else if (k >= cut.above) low = cut.above;
    else break;
  }
  return values[k] ?? 0;
}

/** What `partition` found; not returned, since each rank partitions several times. */
const cut = { below: 0, above: 0 };

/**
 * Partitions `low` to `high` at the median of three: up to `below` no value is above it, from `above`
 * on no value is below it.
 */
function partition(values: Float64Array, low: number, high: number): void {
  const [a, b, c] = [values[low] ?? 0, values[(low + high) >> 1] ?? 0, values[high] ?? 0];
  const pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  let i = low;
  let j = high;
  while (i <= j) {
    while ((values[i] ?? 0) < pivot) i += 1;
    while ((values[j] ?? 0) > pivot) j -= 1;
    if (i > j) break;
    const swap = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = swap;
    i += 1;
    j -= 1;
  }
  cut.below = j;
  cut.above = i;
}
