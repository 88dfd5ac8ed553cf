/** Round places for the ticks of an axis: about as many as are wanted. */
import { timeTicks } from 'd3-time';

/** From 0 to `most`, in steps of 1, 2 or 5 and zeros. */
export function roundNumbers(most: number, count: number): number[] {
  if (!(most > 0)) return [0];
  const rough = most / count;
  const ten = 10 ** Math.floor(Math.log10(rough));
  // The nearest by its ratio.
  const factor =
    rough / ten < Math.SQRT2
      ? 1
      : rough / ten < Math.sqrt(10)
        ? 2
        : rough / ten < Math.sqrt(50)
          ? 5
          : 10;
  const step = ten * factor;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Times of the day that people count in, in the time zone of the machine; epoch ms. */
export function roundTimes(from: number, to: number, count: number): number[] {
  return timeTicks(new Date(from), new Date(to), count).map((date) => date.getTime());
}
