/**
 * One endpoint of a backend: its slots in use and its state. An endpoint that scales to zero is
 * cold, warming or warm; any endpoint is draining once the configuration no longer names it. The
 * dispatcher's own count of granted slots is the only load it believes: scraped gauges are late.
 */

import type { CallResult } from './call-result.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { EffectiveSlots } from './effective-slots.ts';

/** After an answer of "loading" without a time, ms. */
const LOADING_PAUSE_MS = 1_000;
/** After an answer of "overloaded" while no other call of ours ran there, ms. */
const BUSY_PAUSE_MS = 500;

export interface ColdStartSpec {
  /** Assumed time from a wake until it answers, in ms, until wakes have been seen. */
  readonly estimateMs: number;
  /** Time without calls after which the platform lets it go cold, in ms. */
  readonly idleTimeoutMs: number;
}

export interface EndpointSpec {
  /** Names the endpoint within its backend. */
  readonly id: string;
  /** Calls at a time. */
  readonly slots: number;
  /** Absent: it never goes cold. */
  readonly coldStart?: ColdStartSpec;
}

export type EndpointState = 'cold' | 'warming' | 'warm' | 'draining';

/** Why an endpoint was woken. */
export type WakeCause = 'demand' | 'prewarm' | 'keep-warm';

/** How a wake ahead of need turned out. */
export type WakeOutcome = 'used' | 'late' | 'wasted' | 'failed';

export interface Wake {
  readonly cause: WakeCause;
  readonly at: number;
  /** Why: for people, and for the accounting of forecasts. */
  readonly reason: string;
  /** Probability of need that the forecast gave; 1 for demand. */
  readonly probability: number;
}

/** What survives a restart. */
export interface EndpointSnapshot {
  readonly state: EndpointState;
  readonly lastActiveAt: number;
  readonly coldStartsMs: readonly number[];
}

const COLD_STARTS_KEPT = 20;
/** A wake that is not answered within so many estimates is given up. */
const WAKE_PATIENCE = 4;
const LEAST_WAKE_PATIENCE_MS = 60_000;

export class Endpoint {
  spec: EndpointSpec;
  state: EndpointState;
  inFlight = 0;
  lastActiveAt: number;
  /** When a call was last there, epoch ms; pings do not count. */
  lastServedAt: number;
  /** Since when it answers, epoch ms; of use only while it is warm. */
  warmSince: number;
  /** The wake that is under way, or whose outcome is not known yet. */
  wake: Wake | undefined;
  readonly breaker = new CircuitBreaker();
  readonly #effective = new EffectiveSlots();
  #coldStartsMs: number[] = [];

  constructor(spec: EndpointSpec, now: number) {
    this.spec = spec;
    this.state = spec.coldStart ? 'cold' : 'warm';
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.warmSince = now;
  }

  get free(): number {
    return this.#effective.of(this.spec.slots) - this.inFlight;
  }

  /** True where a call sent now would be served at once. */
  isReady(now: number): boolean {
    return this.state === 'warm' && this.free > 0 && this.breaker.admits(now);
  }

  /** Not to be used before this time, epoch ms: it failed several times in a row. */
  get restsUntil(): number {
    return this.breaker.openUntil;
  }

  /** A call is sent to it. */
  granted(now: number): void {
    this.inFlight += 1;
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.breaker.sent(now);
  }

  /** A call is over there, however it ended. */
  released(now: number): void {
    this.inFlight -= 1;
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.breaker.over();
  }

  /** What a call's end tells of it. */
  heard(result: CallResult, now: number): void {
    const { slots } = this.spec;
    const running = this.inFlight + 1;
    if (result.cold && this.spec.coldStart) this.becameCold();
    // Loading, though it is not known to go cold: it is left alone for a moment.
    else if (result.cold) this.breaker.pause(now, result.retryAfterMs ?? LOADING_PAUSE_MS);
    if (result.busy) {
      this.#effective.overloaded(slots, running);
      // With calls of its own still running, their ends make room; without, others fill it.
      if (result.retryAfterMs !== undefined) this.breaker.pause(now, result.retryAfterMs);
      else if (running <= 1) this.breaker.pause(now, BUSY_PAUSE_MS);
    }
    if (result.queuedThere !== undefined) {
      this.#effective.queued(slots, running, result.queuedThere);
    }
    if (result.outcome === 'ok') {
      this.succeeded(now);
      if (!result.queuedThere) this.#effective.succeeded(slots);
    } else if (result.endpointFault) this.failed(now);
  }

  /** P95 of the cold starts seen, in ms; the configured estimate before the first. */
  get coldStartMs(): number {
    const seen = [...this.#coldStartsMs].sort((a, b) => a - b);
    const p95 = seen[Math.ceil(seen.length * 0.95) - 1];
    return p95 ?? this.spec.coldStart?.estimateMs ?? 0;
  }

  beginWake(wake: Wake): void {
    this.state = this.state === 'cold' ? 'warming' : this.state;
    this.wake = wake;
    this.lastActiveAt = wake.at;
  }

  /** It answered. `tookMs`: since the wake began, where a wake from cold was measured. */
  becameWarm(now: number, tookMs?: number): void {
    if (this.state === 'draining') return;
    if (tookMs !== undefined && this.state === 'warming') {
      this.#coldStartsMs = [...this.#coldStartsMs, tookMs].slice(-COLD_STARTS_KEPT);
    }
    if (this.state !== 'warm') this.warmSince = now;
    this.state = 'warm';
    this.lastActiveAt = now;
    this.breaker.succeeded();
  }

  becameCold(): void {
    if (this.state !== 'draining' && this.spec.coldStart) this.state = 'cold';
  }

  /** It refused, broke or did not wake. */
  failed(now: number): void {
    this.breaker.failed(now);
  }

  succeeded(now: number): void {
    this.becameWarm(now);
  }

  /** When its state changes by itself, epoch ms; Infinity where it does not. */
  get changesAt(): number {
    const cold = this.spec.coldStart;
    if (!cold) return Infinity;
    if (this.state === 'warm' && this.inFlight === 0) return this.lastActiveAt + cold.idleTimeoutMs;
    if (this.state === 'warming') return (this.wake?.at ?? this.lastActiveAt) + this.#patienceMs;
    return Infinity;
  }

  /** Lets time act: warm goes cold when idle too long, a wake without an answer is given up. */
  pass(now: number): void {
    if (now < this.changesAt) return;
    this.becameCold();
  }

  snapshot(): EndpointSnapshot {
    return {
      state: this.state,
      lastActiveAt: this.lastActiveAt,
      coldStartsMs: this.#coldStartsMs,
    };
  }

  restore(from: EndpointSnapshot): void {
    this.#coldStartsMs = [...from.coldStartsMs];
    this.lastActiveAt = from.lastActiveAt;
    this.lastServedAt = from.lastActiveAt;
    if (!this.spec.coldStart || this.state === 'draining') return;
    // A wake that was under way when the object died is not: it would be waited for in vain.
    this.state = from.state === 'warm' ? 'warm' : 'cold';
  }

  get #patienceMs(): number {
    return Math.max(LEAST_WAKE_PATIENCE_MS, WAKE_PATIENCE * this.coldStartMs);
  }
}
