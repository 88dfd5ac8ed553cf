/**
 * What an attempt that has ended teaches: its endpoint from every attempt, its backend and the policy
 * from the one that ends the call. Whether the call goes on is in retry.ts.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';
import type { AfterRefusal } from '../backends/endpoint-evidence.ts';
import { sequencesOf } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import { demandOf } from '../runs/demand.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { CallRecord } from '../runs/recorded-run.ts';
import type { Effect } from './dispatch-events.ts';
import { keyOf } from './held-slots.ts';
import type { Ranking } from './ranking.ts';
import { slotEffects } from './slots-limited.ts';

/**
 * Lets the endpoint learn from an attempt whose slot is free again; answers what a refusal means.
 * `endpoint`: undefined where it is gone.
 */
export function seenByEndpoint(
  call: LiveCall,
  endpoint: Endpoint | undefined,
  result: CallResult,
  now: number,
  effects: Effect[],
): AfterRefusal | undefined {
  if (!endpoint) return result.cold || result.busy ? 'pause' : undefined;
  const { callId, backend } = call.request;
  const { usable } = endpoint.slots;
  const caller = { key: keyOf(call), callId, sequences: sequencesOf(call.request) };
  const after = endpoint.evidence.observe(
    asSeen(call, result),
    call.lease?.grantedAt ?? now,
    now,
    caller,
  );
  effects.push(...slotEffects(backend, endpoint, usable));
  if (result.outcome === 'ok' && endpoint.slots.isLoadDue(now)) {
    effects.push({ type: 'ask-load', backend, endpoint: endpoint.spec.id });
  }
  return after;
}

/** Lets the backend learn from a call that is over, and charges its output to its application. */
export function seenByBackend(
  call: LiveCall,
  backend: Backend,
  endpoint: Endpoint | undefined,
  result: CallResult,
  record: CallRecord | undefined,
  ranking: Ranking,
): void {
  // The slot is already free, but this call still counts for the concurrency at its end.
  const loadAtEnd = (endpoint?.slots.concurrency ?? 0) + call.slots;
  const id = call.lease?.endpoint ?? '';
  backend.observe(result, call, id, (call.concurrency + loadAtEnd) / 2);
  if (!record) return;
  const { output } = demandOf(record, backend.speed.value);
  ranking.served(call, backend, { input: 0, output });
}

/** The result as far as it concerns the endpoint: one that does not know an adapter is up. */
function asSeen({ placed }: LiveCall, result: CallResult): CallResult {
  return placed.adapter === undefined ? result : { ...result, mayBeCold: false };
}
