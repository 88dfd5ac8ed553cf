/**
 * The log of a tenant's newest calls, for `GET /v1/calls/:id`: how application, run and unit of
 * each were identified, its position in the queue on arrival, what it was granted and how it ended.
 * A ring in memory: it costs a call no write, and a restart empties it. What an entry has is in
 * call-entry.ts, charges are in call-accounting.ts.
 */
import type { Effect, Granted } from '../../src/core/dispatch/dispatch-events.ts';
import type { QueueRank } from '../../src/core/dispatch/queue-rank.ts';
import type { Gauges } from '../../src/core/limits/key-limits.ts';
import type { LiveCall } from '../../src/core/runs/live-run.ts';
import { RecentMap } from '../../src/core/runs/recent-map.ts';
import type { CallFacts, CallResult, EnqueueRequest } from '../../src/protocol/admission.ts';
import { attemptOf, type CallEntry, howOf, loggedResult, newEntry, timesOf } from './call-entry.ts';
import { type CallTimes, RunTimes } from './call-times.ts';

const MAX_ENTRIES = 1_000;
/** Attempts that are kept of one call, the newest. */
const MAX_ATTEMPTS = 32;

export class CallLog {
  readonly #entries = new RecentMap<CallEntry>(MAX_ENTRIES);
  /** Call id by API key and request id: a request id is its client's choice, and may be any text. */
  readonly #callOf = new RecentMap<string>(MAX_ENTRIES);
  /** The newest call of any key with a request id. */
  readonly #newestOf = new RecentMap<string>(MAX_ENTRIES);
  /** When calls ended that had no slot to give back, epoch ms. */
  readonly #overAt = new WeakMap<CallEntry, number>();
  readonly #gauges = new RecentMap<Gauges>(MAX_ENTRIES);
  /** Times of the ended calls of runs in flight. */
  readonly times = new RunTimes();

  /** Opens the entry of a call; a call that is submitted again keeps its entry. */
  open(request: EnqueueRequest, gauges: Gauges): void {
    const { call, keyId, requestId } = request;
    this.#gauges.set(call.callId, gauges);
    if (this.#entries.get(call.callId)) return;
    if (requestId !== undefined) {
      this.#callOf.set(ownRequest(keyId, requestId), call.callId);
      this.#newestOf.set(requestId, call.callId);
    }
    this.#entries.set(call.callId, newEntry(request));
  }

  /** Records the position and the expected wait of a queued call on arrival. */
  queued(call: LiveCall, place: { position: number; etaMs: number; standing?: QueueRank }): void {
    const entry = this.#entries.get(call.request.callId);
    if (!entry || entry.arrival) return;
    const { position, etaMs, standing: rank } = place;
    entry.position = position;
    entry.arrival = {
      position,
      expected_wait_ms: Math.round(etaMs),
      rank_ms: rank?.rankMs ?? null,
      bound_ms: rank?.boundMs ?? null,
    };
    this.#assignRun(entry, call);
  }

  /** Records an effect of the dispatcher; `call` is undefined where the call has ended. */
  observe(effect: Effect, call: LiveCall | undefined, now: number): void {
    if (effect.type === 'granted') this.#granted(effect, call);
    else if (effect.type === 'refused') {
      const { code, retryAfterMs } = effect;
      this.refused(effect.callId, code, retryAfterMs);
    } else if (effect.type === 'released') {
      const entry = this.#entries.get(effect.callId);
      const attempt = entry?.attempts.at(-1);
      if (!entry || !attempt) return;
      attempt.ended ??= { at: effect.at ?? now, how: effect.cause };
      if (effect.cause === 'cancelled') entry.state = 'cancelled';
      // A call that the dispatcher still has waits for another attempt.
      else entry.state = call ? 'waiting' : 'ended';
      if (entry.state !== 'waiting') this.#over(entry);
    }
  }

  refused(callId: string, code: string, retryAfterMs: number): void {
    const entry = this.#entries.get(callId);
    if (!entry) return;
    entry.state = 'refused';
    entry.refusal = { code, retry_after_ms: Math.round(retryAfterMs) };
    this.#over(entry);
  }

  /** Records how an attempt ended after which the client wants another. */
  attemptEnded(callId: string, result: CallResult): void {
    const attempt = this.#entries.get(callId)?.attempts.at(-1);
    if (attempt) attempt.ended ??= { at: Date.now(), how: howOf(result) };
  }

  ended(callId: string, result: CallResult): void {
    const entry = this.#entries.get(callId);
    if (!entry) return;
    entry.result = loggedResult(result);
  }

  cancelled(callId: string): void {
    const entry = this.#entries.get(callId);
    if (entry?.state !== 'waiting') return;
    entry.state = 'cancelled';
    this.#over(entry);
  }

  /** What the headers of the call's answer report. */
  facts(callId: string): CallFacts | undefined {
    const entry = this.#entries.get(callId);
    if (!entry) return undefined;
    const { app, run, unit } = entry.identity;
    const gauges = this.#gauges.get(callId);
    return {
      app,
      runId: run,
      unit,
      position: entry.position,
      attempts: entry.attempts.length,
      ...(gauges ? { gauges } : {}),
    };
  }

  /** The entry as JSON text; undefined if unknown. */
  entryJson(id: string, keyId = ''): string | undefined {
    const entry = this.entry(id, keyId);
    return entry && JSON.stringify(entry);
  }

  /**
   * The entry; undefined if unknown. `id` is the call's id or else its request's, of
   * the key that asks before that of any other key: no key hides the calls of another by its choice
   * of request ids.
   */
  entry(id: string, keyId = ''): Readonly<CallEntry> | undefined {
    const callId = this.#callOf.get(ownRequest(keyId, id)) ?? this.#newestOf.get(id) ?? '';
    return this.#entries.get(id) ?? this.#entries.get(callId);
  }

  /** True where the call is known to be over. */
  isOver(callId: string): boolean {
    const state = this.#entries.get(callId)?.state;
    return state !== undefined && state !== 'waiting' && state !== 'running';
  }

  /** The times of a call so far; undefined if unknown. */
  timesOf(callId: string): CallTimes | undefined {
    const entry = this.#entries.get(callId);
    return entry && timesOf(entry, this.#overAt.get(entry));
  }

  clear(): void {
    this.times.clear();
    for (const { call, key, request_id: requestId } of [...this.#entries.values()]) {
      this.#entries.delete(call);
      this.#gauges.delete(call);
      if (requestId === null) continue;
      this.#callOf.delete(ownRequest(key, requestId));
      this.#newestOf.delete(requestId);
    }
  }

  #granted(effect: Granted, call: LiveCall | undefined): void {
    const entry = this.#entries.get(effect.callId);
    if (!entry) return;
    if (call) this.#assignRun(entry, call);
    const last = entry.attempts.at(-1);
    // A repeated grant has the same lease, and is no new attempt.
    if (last && !last.ended && last.granted_at === effect.grantedAt) return;
    entry.state = 'running';
    if (entry.attempts.length >= MAX_ATTEMPTS) entry.attempts.shift();
    entry.attempts.push(attemptOf(effect));
  }

  #over(entry: CallEntry): void {
    if (!this.#overAt.has(entry)) this.#overAt.set(entry, Date.now());
    this.times.add(entry.identity.run, timesOf(entry, this.#overAt.get(entry)));
  }

  /** Takes application and run from the run, which identifies them better than one of its calls. */
  #assignRun(entry: CallEntry, { run }: LiveCall): void {
    entry.identity = { ...entry.identity, app: run.app, run: run.id };
  }
}

/** Request ids contain no blank, so no two pairs have the same text. */
function ownRequest(keyId: string, requestId: string): string {
  return `${keyId} ${requestId}`;
}
