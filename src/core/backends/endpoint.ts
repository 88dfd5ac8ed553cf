/**
 * One endpoint of a backend: its slots in use and its state. An endpoint that scales to zero is
 * cold, warming or warm; any endpoint is draining once the configuration no longer names it. The
 * dispatcher's own count of granted slots is the only load it believes: scraped gauges are late.
 */

import type { CallResult } from '../runs/call-result.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { EffectiveSlots } from './effective-slots.ts';
import type { EndpointSnapshot, EndpointSpec, EndpointState, Wake } from './endpoint-state.ts';
import { LearnedIdle, MOST_GROWTH } from './learned-idle.ts';
import { nextOpeningMs, openSlots } from './slow-start.ts';

/** After an answer of "loading" without a time, ms. */
const LOADING_PAUSE_MS = 1_000;
/** After an answer of "overloaded" while no other call of ours ran there, ms. */
const BUSY_PAUSE_MS = 500;

const COLD_STARTS_KEPT = 20;
/** A wake that is not answered within so many estimates is given up. */
const WAKE_PATIENCE = 4;
const LEAST_WAKE_PATIENCE_MS = 60_000;
/** A wake that is answered within this share of a cold start found the endpoint warm. */
const NOT_COLD_SHARE = 0.2;

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
  readonly #idle = new LearnedIdle();
  /** When a call was last served to its end, epoch ms. */
  #succeededAt = -Infinity;
  /** When its last wake began, epoch ms; of use only while it is warming, also once that wake is settled. */
  #wokenAt = -Infinity;
  /** Time without calls before the present ones, or before the wake, ms. */
  #idleMs = 0;
  /** It is thought cold only since nothing came for its idle timeout. */
  #presumedCold = false;
  /** Calls served since it woke, while it is given few. */
  #servedSlowly: number | undefined;

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
    return this.state === 'warm' && this.#opensAt(now) <= now && this.breaker.admits(now);
  }

  /** Not to be used before this time, epoch ms: it failed several times in a row. */
  get unavailableUntil(): number {
    return this.breaker.openUntil;
  }

  /** A call is sent to it. */
  granted(now: number): void {
    if (this.inFlight === 0) this.#idleMs = now - this.lastActiveAt;
    this.inFlight += 1;
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.breaker.sent(now);
  }

  /** Slots that it has or will soon have for calls, as far as it bears them; none while it is left alone. */
  upSlots(now: number): number {
    const isUp = this.state === 'warm' || this.state === 'warming';
    const isTrusted = this.breaker.stateAt(now) === 'closed';
    return isUp && isTrusted ? this.#effective.of(this.spec.slots) : 0;
  }

  /** A call is over there that was sent at a time, however it ended. */
  released(now: number, sentAt: number): void {
    this.inFlight -= 1;
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.breaker.over(sentAt);
  }

  /** What a call's end tells of it. */
  observe(result: CallResult, sentAt: number, now: number): void {
    const { slots } = this.spec;
    const running = this.inFlight + 1;
    if (result.cold && this.spec.coldStart) this.answeredCold(sentAt);
    // Loading, though it is not known to go cold: it is left alone for a moment.
    else if (result.cold) this.breaker.pause(now, result.retryAfterMs ?? LOADING_PAUSE_MS);
    if (result.busy) {
      this.#effective.overloaded(slots, running, sentAt, now);
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
    } else if (result.endpointFault) this.failed(now, sentAt);
  }

  /** It has just woken and is given few calls. */
  get isOpening(): boolean {
    return this.#servedSlowly !== undefined;
  }

  /** When a slot opens though nothing happens, epoch ms: while it is given few calls. */
  opensAt(now: number): number {
    const at = this.#opensAt(now);
    return this.state === 'warm' && at > now ? at : Infinity;
  }

  /** Idle timeout that is counted on, ms; Infinity where it never goes cold. */
  get idleTimeoutMs(): number {
    const configuredMs = this.spec.coldStart?.idleTimeoutMs;
    return configuredMs === undefined ? Infinity : this.#idle.ms(configuredMs);
  }

  /** The longest that a wake ahead of need can keep it up before somebody uses it, ms. */
  get longestPingMs(): number {
    return this.wakePatienceMs + MOST_GROWTH * this.idleTimeoutMs;
  }

  /** P95 of the cold starts seen, in ms; the configured estimate before the first. */
  get coldStartMs(): number {
    const seen = [...this.#coldStartsMs].sort((a, b) => a - b);
    const p95 = seen[Math.ceil(seen.length * 0.95) - 1];
    return p95 ?? this.spec.coldStart?.estimateMs ?? 0;
  }

  /** Since when it answers, or when it is expected to, epoch ms; Infinity for a cold one. */
  get readyAt(): number {
    if (this.state === 'warm') return this.warmSince;
    return this.state === 'warming' ? this.#wokenAt + this.coldStartMs : Infinity;
  }

  /** How long a call that is sent there now will wait for the platform to bring it up, ms. */
  coldWaitMs(now: number): number {
    if (this.state === 'cold') return this.coldStartMs;
    return this.state === 'warming' ? Math.max(0, this.readyAt - now) : 0;
  }

  beginWake(wake: Wake): void {
    this.#idleMs = wake.at - this.lastActiveAt;
    this.state = this.state === 'cold' ? 'warming' : this.state;
    this.wake = wake;
    this.#wokenAt = wake.at;
    this.lastActiveAt = wake.at;
  }

  /** It answered. `tookMs`: since the wake began, where a wake from cold was measured. */
  becameWarm(now: number, tookMs?: number): void {
    if (this.state === 'draining') return;
    if (tookMs !== undefined && this.state === 'warming') this.#wokeIn(tookMs);
    if (this.state !== 'warm') {
      this.warmSince = now;
      this.#servedSlowly = this.spec.coldStart?.slowStart ? 0 : undefined;
    }
    this.state = 'warm';
    this.lastActiveAt = now;
    this.breaker.succeeded();
  }

  becameCold(): void {
    if (this.state === 'draining' || !this.spec.coldStart) return;
    this.state = 'cold';
    this.#presumedCold = false;
  }

  /** It answered a call as a cold one does, which was sent there at a time. */
  answeredCold(sentAt: number): void {
    const { coldStart } = this.spec;
    const upSince = this.state === 'warm' ? this.warmSince : this.#wokenAt;
    // Of what was before the wake it tells nothing that is not known.
    if (!coldStart || this.state === 'cold' || upSince > sentAt) return;
    if (this.state === 'warm') this.#idle.wasCold(this.#idleMs, coldStart.idleTimeoutMs);
    this.becameCold();
  }

  /** It refused, broke or did not wake, asked at a time. */
  failed(now: number, sentAt = now): void {
    this.breaker.failed(now, sentAt);
  }

  succeeded(now: number): void {
    this.#succeededAt = now;
    this.becameWarm(now);
    if (this.#servedSlowly !== undefined) this.#servedSlowly += 1;
  }

  /** A call was served to its end after a time. */
  hasServedSince(at: number): boolean {
    return this.#succeededAt > at;
  }

  /** When its state changes by itself, epoch ms; Infinity where it does not. */
  get changesAt(): number {
    if (!this.spec.coldStart) return Infinity;
    if (this.state === 'warm' && this.inFlight === 0) return this.lastActiveAt + this.idleTimeoutMs;
    if (this.state === 'warming') return this.#wokenAt + this.wakePatienceMs;
    return Infinity;
  }

  /** Lets time act: warm goes cold when idle too long, a wake without an answer is given up. */
  elapse(now: number): void {
    if (now < this.changesAt) return;
    const presumed = this.state === 'warm';
    this.becameCold();
    this.#presumedCold = presumed;
  }

  /** The clock went back: nothing has been later than now. */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.lastServedAt = Math.min(this.lastServedAt, now);
    this.warmSince = Math.min(this.warmSince, now);
    this.#succeededAt = Math.min(this.#succeededAt, now);
    this.breaker.clockWentBack(now);
    this.#effective.clockWentBack(now);
    this.#wokenAt = Math.min(this.#wokenAt, now);
    if (this.wake) this.wake = { ...this.wake, at: Math.min(this.wake.at, now) };
  }

  snapshot(): EndpointSnapshot {
    const idleTimeoutMs = this.#idle.snapshot();
    return {
      state: this.state,
      lastActiveAt: this.lastActiveAt,
      coldStartsMs: this.#coldStartsMs,
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      ...(this.wake ? { wake: this.wake } : {}),
    };
  }

  restore(from: EndpointSnapshot): void {
    this.#coldStartsMs = [...from.coldStartsMs];
    this.#idle.restore(from.idleTimeoutMs);
    this.lastActiveAt = from.lastActiveAt;
    this.lastServedAt = from.lastActiveAt;
    if (!this.spec.coldStart || this.state === 'draining') return;
    // A wake that was under way when the object died is not: it would be waited for in vain. What
    // became of it is told all the same, by the first call there or the next wake.
    this.state = from.state === 'warm' ? 'warm' : 'cold';
    this.wake = from.wake;
  }

  /** A wake that has not been answered for so long is given up, ms. */
  get wakePatienceMs(): number {
    return Math.max(LEAST_WAKE_PATIENCE_MS, WAKE_PATIENCE * this.coldStartMs);
  }

  /** A wake has told how long a cold start takes, or that there was none. */
  #wokeIn(tookMs: number): void {
    const configuredMs = this.spec.coldStart?.idleTimeoutMs ?? Infinity;
    const quick = this.#coldStartsMs.length > 0 && tookMs < this.coldStartMs * NOT_COLD_SHARE;
    if (quick && this.#presumedCold && !this.#idle.isLongest(configuredMs)) {
      this.#idle.wasWarm(this.#idleMs, configuredMs);
      return;
    }
    this.#coldStartsMs = [...this.#coldStartsMs, tookMs].slice(-COLD_STARTS_KEPT);
  }

  #opensAt(now: number): number {
    if (this.free <= 0) return Infinity;
    if (this.#servedSlowly === undefined) return now;
    const { slots } = this.spec;
    const warmMs = now - this.warmSince;
    const open = openSlots(slots, warmMs, this.#servedSlowly);
    if (open >= slots) this.#servedSlowly = undefined;
    return this.inFlight < open ? now : this.warmSince + nextOpeningMs(warmMs);
  }
}
