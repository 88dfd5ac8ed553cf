/**
 * Positions in an ascending array by binary search: of an age among sizes, or of a time among the
 * times of samples. Nothing here knows what the values mean.
 */

/** Number of values up to and including `limit`: the index of the first one beyond it. */
export function countUpTo(values: Float64Array, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Number of values below `limit`: the index of the first one that is not. */
export function countBelow(values: Float64Array, limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
