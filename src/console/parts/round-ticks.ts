/** Round places for the ticks of an axis: about as many as are wanted. */
import { ticks } from 'd3-array';
import { timeTicks } from 'd3-time';

/** From 0 to `most`, in steps of 1, 2 or 5 and zeros. */
export function roundNumbers(most: number, count: number): number[] {
  return most > 0 ? ticks(0, most, count) : [0];
}

/** Times of the day that people count in, in the time zone of the machine; epoch ms. */
export function roundTimes(from: number, to: number, count: number): number[] {
  return timeTicks(new Date(from), new Date(to), count).map((date) => date.getTime());
}
