/**
 * The slots that a call holds, in all counts at once: those of its endpoint, of its backend and of its
 * API key. What is taken for a lease is given back with it; that is done in leases.ts alone.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import { sequencesOf } from '../runs/call-request.ts';
import type { LiveCall } from '../runs/live-run.ts';

/** The API key by which a call is counted. */
export function keyOf(call: LiveCall): string {
  return call.request.keyId ?? '';
}

/** A call is sent to the endpoint; `at`: since when it is there, where it is reported late. */
export function takeSlots(
  call: LiveCall,
  backend: Backend,
  endpoint: Endpoint,
  now: number,
  at = now,
): void {
  const key = keyOf(call);
  endpoint.granted(now, key, sequencesOf(call.request));
  call.slots = slotsOf(call, endpoint);
  backend.granted(call, endpoint, now);
  backend.shares.granted(key, at, call.slots);
  if (call.urgent) backend.urgentRunning += call.slots;
}

/** A call was sent to the endpoint before the tenant's object stopped. */
export function retakeSlots(
  call: LiveCall,
  backend: Backend | undefined,
  endpoint: Endpoint,
  grantedAt: number,
  now: number,
): void {
  endpoint.slots.take(sequencesOf(call.request));
  call.slots = slotsOf(call, endpoint);
  backend?.granted(call, endpoint, now);
  backend?.shares.granted(keyOf(call), grantedAt, call.slots);
}

/**
 * A call with a lease ends, with any outcome; `at`: when it ended, where that is reported late. Returns
 * its endpoint; undefined if that is gone.
 */
export function giveBackSlots(
  call: LiveCall,
  backend: Backend | undefined,
  now: number,
  at = now,
): Endpoint | undefined {
  const key = keyOf(call);
  const endpoint = backend?.endpoints.get(call.lease?.endpoint ?? '');
  const grantedAt = call.lease?.grantedAt ?? now;
  endpoint?.released(now, grantedAt, key, sequencesOf(call.request));
  backend?.released(call);
  backend?.shares.released(key, grantedAt, at, call.slots);
  if (backend && call.urgent) backend.urgentRunning -= call.slots;
  return endpoint;
}

/** Slots of an endpoint that a call takes there. */
function slotsOf({ request }: LiveCall, { spec }: Endpoint): number {
  return Math.max(1, Math.min(sequencesOf(request), spec.slots));
}
