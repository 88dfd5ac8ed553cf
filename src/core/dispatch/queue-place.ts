/**
 * What a waiting call is told: its place and the time until it gets a slot. The time follows from
 * what goes before it in the order in force, from the rest of the calls that run, and from how far
 * such times were off lately. It counts down as calls end and time passes.
 */
import type { Backend } from '../backends/backend.ts';
import type { ExplainedWait } from '../runs/call-state.ts';
import type { LiveCall } from '../runs/live-run.ts';

export interface QueuePlace {
  /** Runs ahead of the call's run, plus one. */
  readonly position: number;
  readonly waitMs: number;
}

/**
 * Undefined where the call does not wait in the backend's queue or for an adapter. What the call is
 * told is compared with its wait, once that is over.
 */
export function queuePlace(
  call: LiveCall,
  backend: Backend,
  now: number,
  forecastMs?: number,
): QueuePlace | undefined {
  const place = untoldPlace(call, backend, now, forecastMs);
  if (place?.told && !call.told) {
    call.told = place.told;
    if (place.told.isForecast) backend.waits.forecastBias.told(place.told);
  }
  return place && { position: place.position, waitMs: place.waitMs };
}

/** The same for one who only looks: nothing is learned from it. */
export function untoldPlace(
  call: LiveCall,
  backend: Backend,
  now: number,
  forecastMs?: number,
): (QueuePlace & { readonly told?: ExplainedWait }) | undefined {
  // It waits for a load, whatever is in the queue.
  if (call.placed.parkedAt !== undefined) {
    return { position: 1, waitMs: backend.adapters.waitMs(call.request.adapter, now) };
  }
  const ahead = backend.queue.ahead(call, backend.shares.isDivided);
  if (!ahead) return undefined;
  const { items, calls, workMs } = ahead;
  if (forecastMs !== undefined) {
    const told = { at: now, callsAhead: calls, explainedMs: forecastMs, isForecast: true };
    const waitMs = forecastMs * backend.waits.forecastBias.of(calls);
    return { position: items + 1, waitMs, told };
  }
  const explainedMs = backend.waits.explainedMs(calls, workMs, now);
  const waitMs = backend.pool.startMs(now) + explainedMs * backend.waits.correction.of(calls);
  const told = { at: now, callsAhead: calls, explainedMs };
  return { position: items + 1, waitMs, told };
}
