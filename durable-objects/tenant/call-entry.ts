/**
 * The entry of one call in the log: its fields, as the API answers them, and how they are made from a
 * call's request, its grants and its result. Which calls have entries is in call-log.ts.
 */
import type { Granted } from '../../src/core/dispatch/dispatch-events.ts';
import type { CallResult, EnqueueRequest } from '../../src/protocol/admission.ts';
import type { CallTimes } from './call-times.ts';

interface Attempt {
  readonly endpoint: string;
  readonly endpoint_state: string;
  readonly granted_at: number;
  readonly queue_ms: number;
  readonly cold_ms: number;
  readonly held_ms: number;
  /** Expected in the endpoint's cache; null where endpoints are not chosen by it. */
  readonly prefix_tokens: number | null;
  /** How it found its adapter, and how long it waited for it; null where it needs none. */
  readonly adapter: string | null;
  readonly adapter_ms: number | null;
  readonly rank_ms: number;
  readonly bound_ms: number | null;
  /** Absent while it runs. */
  ended?: { readonly at: number; readonly how: string };
}

/** Field names are those of the API. Times are epoch ms. */
export interface CallEntry {
  readonly call: string;
  readonly request_id: string | null;
  state: 'waiting' | 'running' | 'ended' | 'refused' | 'cancelled';
  readonly key: string;
  readonly arrived_at: number;
  readonly backend: string;
  identity: { app: string; run: string; unit: string; why: EnqueueRequest['why'] | null };
  /** As it was known when the call arrived. */
  readonly request: {
    readonly kind: string;
    readonly input_tokens: number;
    readonly max_output_tokens: number | null;
    readonly body_bytes: number | null;
    readonly final: boolean;
    readonly retry: boolean;
    readonly deadline_at: number | null;
    readonly max_wait_ms: number | null;
  };
  /** Null where the call was never queued. */
  arrival: {
    readonly position: number;
    readonly expected_wait_ms: number;
    readonly rank_ms: number | null;
    readonly bound_ms: number | null;
  } | null;
  /** Position in the queue on arrival; 0: the call was granted at once. */
  position: number;
  readonly attempts: Attempt[];
  refusal?: { readonly code: string; readonly retry_after_ms: number };
  result?: LoggedResult;
}

interface LoggedResult {
  readonly outcome: string;
  readonly endpoint_fault: boolean;
  readonly cold: boolean;
  readonly service_ms: number;
  readonly first_byte_ms: number | null;
  readonly input_tokens: number | null;
  readonly cached_tokens: number | null;
  readonly output_tokens: number | null;
}

/** The entry of a call that has just arrived. */
export function newEntry({ call, keyId, requestId, why }: EnqueueRequest): CallEntry {
  return {
    call: call.callId,
    request_id: requestId ?? null,
    state: 'waiting',
    key: keyId,
    arrived_at: call.arrivedAt,
    backend: call.backend,
    identity: { app: call.app, run: call.runId, unit: call.unit, why: why ?? null },
    request: {
      kind: call.kind,
      input_tokens: call.inputTokens,
      max_output_tokens: call.maxOutputTokens ?? null,
      body_bytes: call.bodyBytes ?? null,
      final: call.final,
      retry: call.retry ?? false,
      deadline_at: call.deadlineAt ?? null,
      max_wait_ms: call.maxWaitMs ?? null,
    },
    arrival: null,
    position: 0,
    attempts: [],
  };
}

export function attemptOf(effect: Granted): Attempt {
  return {
    endpoint: effect.endpoint,
    endpoint_state: effect.endpointState ?? 'unknown',
    granted_at: effect.grantedAt,
    queue_ms: effect.waitedMs,
    cold_ms: effect.coldMs,
    held_ms: effect.heldMs ?? 0,
    prefix_tokens: effect.prefixTokens ?? null,
    adapter: effect.adapter ?? null,
    adapter_ms: effect.adapterMs ?? null,
    rank_ms: effect.rankMs,
    bound_ms: effect.boundMs ?? null,
  };
}

export function loggedResult(result: CallResult): LoggedResult {
  return {
    outcome: result.outcome,
    endpoint_fault: result.endpointFault,
    cold: result.cold,
    service_ms: Math.round(result.serviceMs),
    first_byte_ms: result.firstByteMs ?? null,
    input_tokens: result.inputTokens ?? null,
    cached_tokens: result.cachedTokens ?? null,
    output_tokens: result.outputTokens ?? null,
  };
}

/** How an attempt ended, in a word. */
export function howOf({ cold, busy, outcome }: CallResult): string {
  if (cold) return 'cold';
  return busy ? 'busy' : outcome;
}

/** The times of a call so far; `overAt`: when it ended without a slot to give back, epoch ms. */
export function timesOf(entry: CallEntry, overAt = entry.arrived_at): CallTimes {
  const { attempts, result, state, identity } = entry;
  // Between two attempts it waits as it did before the first.
  const last = state === 'waiting' ? undefined : attempts.at(-1);
  const isOpen = state === 'waiting' || state === 'running';
  return {
    call: entry.call,
    requestId: entry.request_id,
    unit: identity.unit,
    backend: entry.backend,
    endpoint: last?.endpoint ?? null,
    attempts: attempts.length,
    outcome: outcomeOf(state, result),
    arrivedAt: entry.arrived_at,
    grantedAt: last?.granted_at ?? null,
    endedAt: isOpen ? null : (last?.ended?.at ?? overAt),
    coldMs: Math.round(last?.cold_ms ?? 0),
    firstByteMs: result?.first_byte_ms ?? null,
    inputTokens: result?.input_tokens ?? null,
    cachedTokens: result?.cached_tokens ?? null,
    outputTokens: result?.output_tokens ?? null,
  };
}

function outcomeOf(state: CallEntry['state'], result: LoggedResult | undefined) {
  if (state === 'waiting' || state === 'running') return 'running';
  if (state !== 'ended') return state;
  return result?.outcome === 'ok' ? 'succeeded' : 'failed';
}
