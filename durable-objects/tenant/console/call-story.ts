/**
 * A call's story for the console: its log entry, whose fields are those of `GET /v1/calls/:id`, with
 * the spans of its time. Only formatting.
 */
import type { CallStory } from '../../../src/protocol/console/runs.ts';
import type { CallLog } from '../call-log.ts';
import { spansOf } from './run-lanes.ts';

/** The log's entry as its JSON text has it; call-log.ts writes it. */
type Logged = NonNullable<ReturnType<CallLog['entry']>>;

/** By the id of the call or of its request; undefined where the log has it no more. */
export function callStory(log: CallLog, id: string, keyId?: string): CallStory | undefined {
  const entry = log.entry(id, keyId);
  const times = entry && log.timesOf(entry.call);
  if (!entry || !times) return undefined;
  const { identity, arrival, refusal, result, request } = entry;
  return {
    call: entry.call,
    requestId: entry.request_id,
    state: entry.state,
    key: entry.key,
    arrivedAt: entry.arrived_at,
    backend: entry.backend,
    app: identity.app,
    run: identity.run,
    unit: identity.unit,
    identifiedBy: identity.why ?? null,
    request: {
      kind: request.kind,
      inputTokens: request.input_tokens,
      maxOutputTokens: request.max_output_tokens,
      bodyBytes: request.body_bytes,
      final: request.final,
      retry: request.retry,
      deadlineAt: request.deadline_at,
      maxWaitMs: request.max_wait_ms,
    },
    arrival: arrival && {
      position: arrival.position,
      expectedWaitMs: arrival.expected_wait_ms,
      rankMs: arrival.rank_ms,
      boundMs: arrival.bound_ms,
    },
    attempts: entry.attempts.map(attemptOf),
    refusal: refusal ? { code: refusal.code, retryAfterMs: refusal.retry_after_ms } : null,
    result: result
      ? {
          outcome: result.outcome,
          endpointFault: result.endpoint_fault,
          cold: result.cold,
          serviceMs: result.service_ms,
          firstByteMs: result.first_byte_ms,
          inputTokens: result.input_tokens,
          cachedTokens: result.cached_tokens,
          outputTokens: result.output_tokens,
        }
      : null,
    spans: spansOf(times),
  };
}

function attemptOf(attempt: Logged['attempts'][number]): CallStory['attempts'][number] {
  return {
    endpoint: attempt.endpoint,
    endpointState: attempt.endpoint_state,
    grantedAt: attempt.granted_at,
    waitedMs: attempt.queue_ms,
    coldMs: attempt.cold_ms,
    heldMs: attempt.held_ms,
    prefixTokens: attempt.prefix_tokens,
    rankMs: attempt.rank_ms,
    boundMs: attempt.bound_ms,
    ended: attempt.ended ?? null,
  };
}
