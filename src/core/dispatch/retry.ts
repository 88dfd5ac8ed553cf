/**
 * Decides whether a call whose attempt failed returns to the queue; it keeps its arrival and so its
 * key. Applies only while the client has received nothing of an answer. The longest wait of the
 * call bounds how often it can return. The budget of a backend is in retry-budget.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';

/** Endpoints that may fail a call; after the last of them it is not retried. */
const MAX_FAULTS = 3;

/**
 * A call that an endpoint refused (cold, overloaded) was not begun, so its retry costs nothing. A
 * call that an endpoint failed is retried on one that has not failed it, out of the backend's retry
 * budget. Also records the failed endpoint in the call and spends the budget.
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
