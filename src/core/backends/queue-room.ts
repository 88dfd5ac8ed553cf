/**
 * How many calls may wait for a backend, of all API keys and of one, and for how long each. A call that
 * gets a slot at once needs no room.
 */
import { type CallRequest, sequencesOf } from '../runs/call-request.ts';
import type { Backend } from './backend.ts';

/** True where a call that is submitted now gets a slot at once. */
export function startsAtOnce(backend: Backend, request: CallRequest, now: number): boolean {
  // Calls can wait beside free slots: for an endpoint that has not failed them.
  const inLine = backend.queue.size - backend.heldBack.size;
  if (backend.freeSlots(now, request.keyId) <= inLine) return false;
  const endpoint = backend.choice.pick(now, undefined, request.keyId, sequencesOf(request));
  return endpoint !== undefined && backend.adapters.mayStart(request, now);
}

/** True where the queue is full for the call, by number of calls or by bytes of bodies. */
export function isFullFor(backend: Backend, { bodyBytes = 0 }: CallRequest): boolean {
  const { queueDepth, queueBytes = Infinity } = backend.spec;
  const waitingBytes = backend.queue.bytes + backend.adapterCalls.parked.bytes;
  return backend.waiting >= queueDepth || waitingBytes + bodyBytes > queueBytes;
}

/** True where the call's API key has as many calls or bytes in the queue as one key may have. */
export function isFullForKey(
  backend: Backend,
  { bodyBytes = 0, keyId = '' }: CallRequest,
): boolean {
  const { queueDepth, queueBytes = Infinity, keyQueueShare = 1 } = backend.spec;
  if (keyQueueShare >= 1) return false;
  const parked = backend.adapterCalls.parked.ofKey(keyId);
  const queued = backend.queue.waitingOf(keyId);
  const [calls, bytes] = [queued.calls + parked.calls, queued.bytes + parked.bytes];
  return (
    calls >= Math.ceil(queueDepth * keyQueueShare) || bytes + bodyBytes > queueBytes * keyQueueShare
  );
}

/** Longest wait of a call, ms: the client's limit, but at most the configured one unless `patient`. */
export function maxWaitMs({ pool, spec }: Backend, call: CallRequest): number {
  const configuredMs = pool.isComing ? spec.maxWaitColdMs : spec.maxWaitMs;
  if (call.patient) return call.maxWaitMs ?? configuredMs;
  return Math.min(configuredMs, call.maxWaitMs ?? Infinity);
}
