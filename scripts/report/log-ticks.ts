/** Chooses the labelled values of a logarithmic axis. */

/** Sets of leading digits, the finest set first. */
const LADDERS = [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7], [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];

/** Round numbers from `low` to `high`, at most `most` of them. */
export function logTicks(low: number, high: number, most: number): number[] {
  const lowest = Math.floor(Math.log10(low));
  const decades = Array.from(
    { length: Math.floor(Math.log10(high)) - lowest + 1 },
    (_, i) => 10 ** (lowest + i),
  );
  const inside = (tick: number) => tick >= low && tick <= high;
  for (const digits of LADDERS) {
    // Rounded, because 3 * 0.1 is slightly more than 0.3.
    const ticks = decades
      .flatMap((d) => digits.map((digit) => Number((digit * d).toPrecision(3))))
      .filter(inside);
    if (ticks.length <= most) return ticks;
  }
  const stride = Math.ceil(decades.length / most);
  return decades.filter((decade, i) => i % stride === 0 && inside(decade));
}
