/**
 * One endpoint of a backend: its slots in use and its state. An endpoint that scales to zero is
 * cold, warming or warm; any endpoint is draining once the configuration no longer names it. The
 * dispatcher's own count of granted slots is the only load it believes: scraped gauges are late.
 */

export interface ColdStartSpec {
  /** Assumed time from a wake until it answers, in ms, until wakes have been seen. */
  readonly estimateMs: number;
  /** Time without calls after which the platform lets it go cold, in ms. */
  readonly idleTimeoutMs: number;
  /** It can be told to go cold before that. */
  readonly releasable?: boolean;
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
/** Failures in a row after which an endpoint is left alone for a while. */
const FAILURES_TO_REST = 3;
const FIRST_REST_MS = 500;
const LONGEST_REST_MS = 30_000;
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
  /** Not to be used before this time: it failed several times in a row. */
  restsUntil = 0;
  #failures = 0;
  #coldStartsMs: number[] = [];

  constructor(spec: EndpointSpec, now: number) {
    this.spec = spec;
    this.state = spec.coldStart ? 'cold' : 'warm';
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.warmSince = now;
  }

  get free(): number {
    return this.spec.slots - this.inFlight;
  }

  /** True where a call sent now would be served at once. */
  isReady(now: number): boolean {
    return this.state === 'warm' && this.free > 0 && now >= this.restsUntil;
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
    this.#failures = 0;
    this.restsUntil = 0;
  }

  becameCold(): void {
    if (this.state !== 'draining' && this.spec.coldStart) this.state = 'cold';
  }

  /** It refused, broke or did not wake: after three in a row it rests, each time twice as long. */
  failed(now: number): void {
    this.#failures += 1;
    const beyond = this.#failures - FAILURES_TO_REST;
    if (beyond >= 0) {
      this.restsUntil = now + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** beyond);
    }
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

  /** The clock went back: nothing has been later than now. */
  turnBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.lastServedAt = Math.min(this.lastServedAt, now);
    this.warmSince = Math.min(this.warmSince, now);
    this.restsUntil = Math.min(this.restsUntil, now + LONGEST_REST_MS);
    if (this.wake) this.wake = { ...this.wake, at: Math.min(this.wake.at, now) };
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
