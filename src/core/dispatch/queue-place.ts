/**
 * What a waiting call is told: its place and the time until it gets a slot. The time follows from
 * what goes before it in the order in force, from the rest of the calls that run, and from how far
 * such times were off lately. It counts down as calls end and time passes.
 */
import type { Backend } from '../backends/backend.ts';
import type { LiveCall } from '../runs/live-run.ts';

export interface QueuePlace {
  /** Runs ahead of the call's run, plus one. */
  readonly position: number;
  readonly waitMs: number;
}

/** Undefined where the call does not wait in the backend's queue. */
export function queuePlace(call: LiveCall, backend: Backend, now: number): QueuePlace | undefined {
  const ahead = backend.queue.ahead(call, backend.shares.isDivided);
  if (!ahead) return undefined;
  const { items, calls, workMs } = ahead;
  const explainedMs = backend.explainedWaitMs(calls, workMs, now);
  call.told ??= { at: now, callsAhead: calls, explainedMs };
  const waitMs = backend.startMs(now) + explainedMs * backend.waitCorrection.of(calls);
  return { position: items + 1, waitMs };
}
