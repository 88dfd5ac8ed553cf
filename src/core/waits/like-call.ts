/** Which call of a finished visit a call in flight is like: the one with the nearest input. */
import type { PastVisit } from '../learning/past-runs.ts';
import type { Random } from '../learning/random.ts';

/** A call as far as it is compared. */
export interface ComparedCall {
  /** Input tokens. */
  readonly input: number;
  /** Time of what is computed of its input, and of an output token, ms. */
  readonly inputMs: number;
  readonly outputMs: number;
}

/** A call that has a slot. */
export interface ServedCall extends ComparedCall {
  readonly elapsedMs: number;
  /** Whole time that is expected of its kind, ms. */
  readonly expectedMs: number;
  readonly slots: number;
  readonly isHere: boolean;
  /** Its endpoint among the places of the scene, where it is here; else 0. */
  readonly place: number;
}

/** Time that a call takes if its visit is like a finished one, ms. */
export function likeMs(
  visit: PastVisit,
  { input, inputMs, outputMs }: ComparedCall,
  index: number,
): number {
  return inputMs + outputMs * (visit.outputs[likeCall(visit.inputs, input, index)] ?? 0);
}

/** Mean rest of a call that is later than all that are known, as a share of the time it has run. */
const LATE_SHARE = 0.35;

/** Time that a call which has a slot takes yet, ms, if its visit is like this one. */
export function restMs(
  visit: PastVisit | undefined,
  call: ServedCall,
  index: number,
  random: Random,
): number {
  const { elapsedMs, expectedMs } = call;
  if (!visit) {
    const meanMs = Math.max(1, expectedMs - elapsedMs, LATE_SHARE * elapsedMs);
    return 2 * meanMs * random();
  }
  const ms = likeMs(visit, call, index) - elapsedMs;
  if (ms > 0) return ms;
  // It is no such call: another of the visit that is longer, or one longer than all.
  const longer = visit.outputs.length > 1 ? longerMs(visit, call, random) - elapsedMs : 0;
  return longer > 0 ? longer : 1 - LATE_SHARE * elapsedMs * Math.log(1 - random());
}

/** Time of any call of a visit that takes longer than this one has run, ms; 0 without one. */
function longerMs(
  { outputs }: PastVisit,
  { elapsedMs, inputMs, outputMs }: ServedCall,
  random: Random,
): number {
  const n = outputs.length;
  const from = Math.floor(random() * n);
  for (let k = 0; k < n; k += 1) {
    const ms = inputMs + outputMs * (outputs[(from + k) % n] as number);
    if (ms > elapsedMs) return ms;
  }
  return 0;
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
