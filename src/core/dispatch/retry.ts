/**
 * Whether a call whose attempt failed goes back into the line, with its arrival and so its place. Of
 * its answer nothing has reached the client; how long it may wait bounds how often it can come back.
 */
import type { Backend } from '../backends/backend.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';

/** Endpoints that may break under one call. */
const MAX_FAULTS = 3;

/**
 * What an endpoint turned away (cold, overloaded) was not begun and costs nothing; what broke is
 * retried on an endpoint that has not failed it yet, out of the backend's budget.
 */
export function mayRetry(
  call: LiveCall,
  backend: Backend,
  result: CallResult,
  now: number,
): boolean {
  if (backend.removed) return false;
  if (result.cold || result.busy) return true;
  if (!result.endpointFault) return false;
  call.avoid ??= new Set();
  if (call.lease) call.avoid.add(call.lease.endpoint);
  if (call.avoid.size >= MAX_FAULTS || !backend.hasOtherEndpoint(call.avoid, now)) return false;
  return backend.retries.spend();
}
