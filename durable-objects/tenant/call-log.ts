/**
 * What became of the newest calls of a tenant, for `GET /v1/calls/:id`: why each was taken for what
 * it was, where it stood when it came, what it was granted, how it ended. A ring in memory, on
 * nobody's way: no row is written for it, and a restart forgets it.
 */
import type { Effect, Granted } from '../../src/core/dispatch/dispatch-events.ts';
import type { QueueRank } from '../../src/core/dispatch/queue-rank.ts';
import { RecentMap } from '../../src/core/learning/recent-map.ts';
import type { Gauges } from '../../src/core/limits/key-limits.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import type { CallFacts, CallResult, EnqueueRequest } from '../../src/protocol/tenant.ts';

const MAX_ENTRIES = 1_000;
/** Attempts told of one call. */
const MAX_ATTEMPTS = 32;

interface Attempt {
  readonly endpoint: string;
  readonly endpoint_state: string;
  readonly granted_at: number;
  readonly queue_ms: number;
  readonly cold_ms: number;
  readonly rank_ms: number;
  readonly bound_ms: number | null;
  /** Absent while it runs. */
  ended?: { readonly at: number; readonly how: string };
}

/** Field names are those of the API. Times are epoch ms. */
interface CallEntry {
  readonly call: string;
  readonly request_id: string | null;
  state: 'waiting' | 'running' | 'ended' | 'refused' | 'cancelled';
  readonly key: string;
  readonly arrived_at: number;
  readonly backend: string;
  identity: { app: string; run: string; unit: string; why: EnqueueRequest['why'] | null };
  /** As it was known when the call came. */
  readonly request: object;
  arrival: object | null;
  /** 0: it went at once. */
  position: number;
  readonly attempts: Attempt[];
  refusal?: { readonly code: string; readonly retry_after_ms: number };
  result?: object;
}

export class CallLog {
  readonly #entries = new RecentMap<CallEntry>(MAX_ENTRIES);
  readonly #callOf = new RecentMap<string>(MAX_ENTRIES);
  readonly #gauges = new RecentMap<Gauges>(MAX_ENTRIES);

  /** A call came; submitted again it goes on with its story. */
  open({ call, keyId, requestId, why }: EnqueueRequest, gauges: Gauges): void {
    this.#gauges.set(call.callId, gauges);
    if (this.#entries.get(call.callId)) return;
    if (requestId !== undefined) this.#callOf.set(requestId, call.callId);
    this.#entries.set(call.callId, {
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
    });
  }

  /** The call waits: where it stands, and what was expected of it. */
  queued(call: LiveCall, found: { position: number; etaMs: number; standing?: QueueRank }): void {
    const story = this.#entries.get(call.request.callId);
    if (!story || story.arrival) return;
    const { position, etaMs, standing } = found;
    story.position = position;
    story.arrival = {
      position,
      expected_wait_ms: Math.round(etaMs),
      rank_ms: standing?.rankMs ?? null,
      bound_ms: standing?.boundMs ?? null,
    };
    this.#assignRun(story, call);
  }

  /** Of each thing that the dispatcher wants done, what belongs to the story. */
  observe(effect: Effect, call: LiveCall | undefined, now: number): void {
    if (effect.type === 'granted') this.#granted(effect, call);
    else if (effect.type === 'refused') {
      const { code, retryAfterMs } = effect;
      this.refused(effect.callId, code, retryAfterMs);
    } else if (effect.type === 'released') {
      const story = this.#entries.get(effect.callId);
      const attempt = story?.attempts.at(-1);
      if (!story || !attempt) return;
      attempt.ended ??= { at: now, how: effect.cause };
      if (effect.cause === 'cancelled') story.state = 'cancelled';
      // It may wait for another attempt.
      else story.state = call ? 'waiting' : 'ended';
    }
  }

  refused(callId: string, code: string, retryAfterMs: number): void {
    const story = this.#entries.get(callId);
    if (!story) return;
    story.state = 'refused';
    story.refusal = { code, retry_after_ms: Math.round(retryAfterMs) };
  }

  /** How an attempt ended that was not the client's last. */
  attemptEnded(callId: string, result: CallResult): void {
    const attempt = this.#entries.get(callId)?.attempts.at(-1);
    if (attempt) attempt.ended ??= { at: Date.now(), how: howOf(result) };
  }

  ended(callId: string, result: CallResult): void {
    const story = this.#entries.get(callId);
    if (!story) return;
    story.result = {
      outcome: result.outcome,
      endpoint_fault: result.endpointFault,
      cold: result.cold,
      service_ms: Math.round(result.serviceMs),
      first_byte_ms: result.firstByteMs ?? null,
      input_tokens: result.inputTokens ?? null,
      output_tokens: result.outputTokens ?? null,
    };
  }

  cancelled(callId: string): void {
    const story = this.#entries.get(callId);
    if (story?.state === 'waiting') story.state = 'cancelled';
  }

  /** What the call's answer tells in its headers. */
  facts(callId: string): CallFacts | undefined {
    const story = this.#entries.get(callId);
    if (!story) return undefined;
    const { app, run, unit } = story.identity;
    const gauges = this.#gauges.get(callId);
    return {
      app,
      runId: run,
      unit,
      position: story.position,
      attempts: story.attempts.length,
      ...(gauges ? { gauges } : {}),
    };
  }

  /** The story as text, by the call's id or by its request's; undefined where it is not known. */
  entryJson(id: string): string | undefined {
    const story = this.#entries.get(this.#callOf.get(id) ?? id);
    return story && JSON.stringify(story);
  }

  clear(): void {
    for (const { call, request_id: requestId } of [...this.#entries.values()]) {
      this.#entries.delete(call);
      this.#gauges.delete(call);
      if (requestId !== null) this.#callOf.delete(requestId);
    }
  }

  #granted(effect: Granted, call: LiveCall | undefined): void {
    const story = this.#entries.get(effect.callId);
    if (!story) return;
    if (call) this.#assignRun(story, call);
    const last = story.attempts.at(-1);
    // Granted once and asked for again: the lease is the same.
    if (last && !last.ended && last.granted_at === effect.grantedAt) return;
    story.state = 'running';
    if (story.attempts.length >= MAX_ATTEMPTS) story.attempts.shift();
    story.attempts.push({
      endpoint: effect.endpoint,
      endpoint_state: effect.endpointState ?? 'unknown',
      granted_at: effect.grantedAt,
      queue_ms: effect.waitedMs,
      cold_ms: effect.coldMs,
      rank_ms: effect.rankMs,
      bound_ms: effect.boundMs ?? null,
    });
  }

  /** The run knows better what it is than any one of its calls. */
  #assignRun(story: CallEntry, { run }: LiveCall): void {
    story.identity = { ...story.identity, app: run.app, run: run.id };
  }
}

function howOf({ cold, busy, outcome }: CallResult): string {
  if (cold) return 'cold';
  return busy ? 'busy' : outcome;
}
