/**
 * Decides whether a call whose attempt failed returns to the queue, and after which pause; it keeps
 * its arrival and so its key. Applies only while the client has received nothing of an answer. The
 * budget of a backend is in retry-budget.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { AfterRefusal } from '../backends/endpoint-evidence.ts';
import { maxWaitMs } from '../backends/queue-room.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { LiveCall } from '../runs/live-run.ts';

/** Endpoints that may fail a call; after the last of them it is not retried. */
const MAX_FAULTS = 3;
/** Pause of a call after each refusal that names no time, ms; then the call gets the answer. */
const PAUSES_MS: Readonly<Record<'busy' | 'cold', readonly number[]>> = {
  busy: [500, 2_000, 8_000],
  cold: [1_000, 5_000, 20_000],
};
/** Refusals after which a call is still retried. */
export const MAX_REFUSALS = 3;
/** An endpoint that asks for a longer pause is not waited for, ms. */
const LONGEST_PAUSE_MS = 30_000;

/** A retry, with the time that the call pauses first, ms. */
export interface Retry {
  readonly pauseMs: number;
}

/**
 * A call that an endpoint refused (cold, overloaded) is retried three times: where the endpoint turned
 * out cold, with its wake; where another endpoint can take it, there; else after a pause of the call
 * itself. A call that an endpoint failed is retried on one that has not failed it, out of the
 * backend's retry budget. Undefined: no retry. Records the refusal or the failed endpoint in the call.
 */
export function retryOf(
  call: LiveCall,
  backend: Backend,
  result: CallResult,
  after: AfterRefusal | undefined,
  now: number,
): Retry | undefined {
  if (backend.removed) return undefined;
  if (after !== undefined) return afterRefusal(call, backend, result, after, now);
  if (!result.endpointFault) return undefined;
  const avoid = avoiding(call);
  const hasOther = backend.choice.hasOther(avoid, now, call.request.keyId);
  if (avoid.size >= MAX_FAULTS || !hasOther) return undefined;
  return backend.retries.spend() ? { pauseMs: 0 } : undefined;
}

function afterRefusal(
  call: LiveCall,
  backend: Backend,
  result: CallResult,
  after: AfterRefusal,
  now: number,
): Retry | undefined {
  const pauses = PAUSES_MS[result.busy ? 'busy' : 'cold'];
  const pauseMs = Math.max(result.retryAfterMs ?? 0, pauses[call.refusals] ?? 0);
  call.refusals += 1;
  if (call.refusals > MAX_REFUSALS) return undefined;
  // Where calls are sent to cold endpoints, no wake is waited for.
  if (after === 'queue' && backend.holdsWhileCold) return { pauseMs: 0 };
  const refusedBy = new Set(call.avoid).add(call.lease?.endpoint ?? '');
  const other = backend.choice.pick(now, refusedBy, call.request.keyId);
  if (other && !refusedBy.has(other.spec.id)) {
    avoiding(call);
    return { pauseMs: 0 };
  }
  const waitEndsAt = Math.min(call.request.arrivedAt, now) + maxWaitMs(backend, call.request);
  if (pauseMs > LONGEST_PAUSE_MS || now + pauseMs >= waitEndsAt) return undefined;
  return { pauseMs };
}

/**
 * True where a call whose connection was lost before any byte of an answer is sent once more to the only
 * endpoint, out of the backend's retry budget: servers close kept connections just as these are used
 * again, which says nothing about the endpoint. The second loss does, since it was of a new connection.
 * Where there is another endpoint, the call goes there, by `retryOf`.
 */
export function isSentAgain(
  call: LiveCall,
  backend: Backend,
  result: CallResult,
  now: number,
): boolean {
  if (!result.connectionLost || call.sentAgain || backend.removed) return false;
  const present = new Set(call.avoid).add(call.lease?.endpoint ?? '');
  if (backend.choice.hasOther(present, now, call.request.keyId)) return false;
  if (!backend.retries.spend()) return false;
  call.sentAgain = true;
  return true;
}

/** Endpoints that the call is to avoid, the present one from now on included. */
function avoiding(call: LiveCall): Set<string> {
  call.avoid ??= new Set();
  if (call.lease) call.avoid.add(call.lease.endpoint);
  return call.avoid;
}
