/** Times of calls within a draw (queue-draw.ts), by the finished visits that they are drawn from, ms. */
import type { PastVisit } from '../learning/past-runs.ts';
import type { Random } from '../learning/random.ts';
import type { Speeds } from '../runs/demand.ts';
import { likeMs } from './like-call.ts';
import type { WaitingCall } from './scene.ts';

/** A call of a finished visit. */
export function callMs(visit: PastVisit, at: number, speeds: Speeds): number {
  const { inputMs, outputMs } = speeds(visit.backend);
  return (visit.computed[at] ?? 0) * inputMs + (visit.outputs[at] ?? 0) * outputMs;
}

/** A call of a run that goes on like a visit; `waiting`: one that waits in the scene. */
export function serviceMs(
  visit: PastVisit | undefined,
  at: number,
  waiting: WaitingCall | undefined,
  { speeds, random }: { readonly speeds: Speeds; readonly random: Random },
): number {
  if (!waiting) return visit ? callMs(visit, at, speeds) : 0;
  return visit ? likeMs(visit, waiting, at) : 2 * waiting.call.expectedMs * random();
}

/** What the cached part of a call's prompt takes where it is read again; 0 at another backend. */
export function lossMs(
  visit: PastVisit | undefined,
  waiting: WaitingCall | undefined,
  { backend, speeds }: { readonly backend: string; readonly speeds: Speeds },
): number {
  if (waiting) return waiting.cachedMs;
  if (visit?.backend !== backend) return 0;
  return ((visit.inputs[0] ?? 0) - (visit.computed[0] ?? 0)) * speeds(backend).inputMs;
}

/** Mean of a visit's calls. */
export function meanMs(visit: PastVisit | undefined, speeds: Speeds): number {
  if (!visit) return 0;
  const { outputs, computed } = visit;
  const { inputMs, outputMs } = speeds(visit.backend);
  let sum = 0;
  for (let n = 0; n < outputs.length; n += 1) {
    sum += (computed[n] as number) * inputMs + (outputs[n] as number) * outputMs;
  }
  return sum / outputs.length;
}

/** The longest of a visit's calls. */
export function longestMs(visit: PastVisit, speeds: Speeds): number {
  const { outputs, computed } = visit;
  const { inputMs, outputMs } = speeds(visit.backend);
  let longest = 0;
  for (let n = 0; n < outputs.length; n += 1) {
    const ms = (computed[n] as number) * inputMs + (outputs[n] as number) * outputMs;
    if (ms > longest) longest = ms;
  }
  return longest;
}
