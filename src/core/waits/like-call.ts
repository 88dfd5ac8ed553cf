/** Which call of a finished visit a call in flight is like: the one with the nearest input. */
import type { PastVisit } from '../learning/past-runs.ts';

/** A call as far as it is compared. */
export interface ComparedCall {
  /** Input tokens. */
  readonly input: number;
  /** Time of what is computed of its input, and of an output token, ms. */
  readonly inputMs: number;
  readonly outputMs: number;
}

/** Time that a call takes if its visit is like a finished one, ms. */
export function likeMs(
  visit: PastVisit,
  { input, inputMs, outputMs }: ComparedCall,
  index: number,
): number {
  return inputMs + outputMs * (visit.outputs[likeCall(visit.inputs, input, index)] ?? 0);
}

/** The call with the nearest input; of equal ones another for each index. `inputs` descend. */
function likeCall(inputs: Float32Array, input: number, index: number): number {
  const n = inputs.length;
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((inputs[middle] as number) > input) low = middle + 1;
    else high = middle;
  }
  const isBefore = low === n || (low > 0 && nearer(inputs, low - 1, low, input));
  let from = isBefore ? low - 1 : low;
  const value = inputs[from];
  let to = from + 1;
  while (from > 0 && inputs[from - 1] === value) from -= 1;
  while (to < n && inputs[to] === value) to += 1;
  return from + (index % (to - from));
}

function nearer(inputs: Float32Array, a: number, b: number, input: number): boolean {
  return Math.abs((inputs[a] ?? 0) - input) < Math.abs((inputs[b] ?? 0) - input);
}
