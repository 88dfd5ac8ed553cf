/**
 * One endpoint of a backend: its state and its slots in use. Its specification and what is stored
 * of it are in endpoint-state.ts; the choice between the endpoints of a backend is in backend.ts.
 *
 * An endpoint that scales to zero is cold, warming or warm; any endpoint is draining once the
 * configuration no longer names it. The load is the dispatcher's own count of granted slots,
 * because scraped gauges lag behind.
 */

import type { CallResult } from '../runs/call-result.ts';
import { ColdDoubts } from './cold-doubts.ts';
import { EffectiveSlots } from './effective-slots.ts';
import type { EndpointSnapshot, EndpointSpec, EndpointState, Wake } from './endpoint-state.ts';
import { EndpointTrust, type Scope } from './endpoint-trust.ts';
import { LearnedIdle, MOST_GROWTH } from './learned-idle.ts';
import { nextOpeningMs, openSlots } from './slow-start.ts';

/** Pause after a "loading" answer that names no time, ms. */
const LOADING_PAUSE_MS = 1_000;
/** Pause after an "overloaded" answer while no other call of ours ran there, ms. */
const OVERLOADED_PAUSE_MS = 500;

const COLD_STARTS_KEPT = 20;
/** A wake without an answer is given up after this many cold starts, but not before the minimum. */
const WAKE_PATIENCE_COLD_STARTS = 4;
const MIN_WAKE_PATIENCE_MS = 60_000;
/** A wake that is answered within this share of a cold start found the endpoint warm. */
const NOT_COLD_SHARE = 0.2;
/** A wake after a cold answer that is answered sooner than this found the endpoint warm, ms. */
const AT_ONCE_MS = 1_000;

/** Whose call it was. */
export interface Caller {
  readonly key: string;
  readonly callId: string;
}

/** An endpoint that was proved warm so shortly before a call was sent was warm then, ms. */
const KNOWN_WARM_MS = 5_000;

/** How a refused call goes on. */
export type AfterRefusal = 'queue' | 'pause';

const NOBODY: Caller = { key: '', callId: '' };

export class Endpoint {
  spec: EndpointSpec;
  state: EndpointState;
  inFlight = 0;
  /** When a call last began or ended, a wake began or the endpoint became warm, epoch ms. */
  lastActiveAt: number;
  /** When a call last began or ended there, epoch ms; pings do not count. */
  lastServedAt: number;
  /** Since when the endpoint answers, epoch ms; valid only while it is warm. */
  warmSince: number;
  /** The wake that is in progress, or whose outcome is not known yet. */
  wake: Wake | undefined;
  readonly trust = new EndpointTrust();
  readonly #effectiveSlots = new EffectiveSlots();
  #coldStartsMs: number[] = [];
  readonly #idle = new LearnedIdle();
  /** When a call was last served to its end, epoch ms. */
  #succeededAt = -Infinity;
  /** When a call or wake last proved it warm, epoch ms. */
  #provenAt = -Infinity;
  /** When the last wake began, epoch ms, even if it is settled; valid only while warming. */
  #wokenAt = -Infinity;
  /** Idle time before the calls in flight or before the last wake, ms. */
  #idleMs = 0;
  /** True where the endpoint counts as cold only because its idle timeout has passed. */
  #presumedCold = false;
  /** True until a call or wake has shown its state: it is new, or its object was restarted. */
  #isUnknown = true;
  readonly #coldDoubts = new ColdDoubts();
  /** The cold answer by which it counts as cold, and its idle time before, until a wake tells. */
  #coldClaim: { readonly key: string; readonly idleMs: number | undefined } | undefined;
  /** Calls served since the endpoint woke; undefined where slow start is off or over. */
  #servedInSlowStart: number | undefined;

  constructor(spec: EndpointSpec, now: number) {
    this.spec = spec;
    this.state = spec.coldStart ? 'cold' : 'warm';
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.warmSince = now;
  }

  /** Free slots of those that the endpoint can serve now; negative while it has too many calls. */
  get free(): number {
    return this.#effectiveSlots.of(this.spec.slots) - this.inFlight;
  }

  /** True where a call sent now would be served at once. */
  isReady(now: number, key = ''): boolean {
    return this.state === 'warm' && this.#nextSlotAt(now) <= now && this.trust.admits(key, now);
  }

  /** No calls are sent before this time, epoch ms: the endpoint failed or asked for a pause. */
  unavailableUntil(now: number): number {
    return this.trust.openUntil(now);
  }

  /** A call is sent to the endpoint. */
  granted(now: number, key = ''): void {
    if (this.inFlight === 0) this.#idleMs = now - this.lastActiveAt;
    this.inFlight += 1;
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.trust.sent(key, now);
  }

  /** Slots that the endpoint can serve, or will once it is warm; 0 unless its circuit is closed. */
  upSlots(now: number): number {
    const isUp = this.state === 'warm' || this.state === 'warming';
    const isTrusted = this.trust.stateAt(now) === 'closed';
    return isUp && isTrusted ? this.#effectiveSlots.of(this.spec.slots) : 0;
  }

  /** A call that was sent at `sentAt` has ended, with any outcome. */
  released(now: number, sentAt: number, key = ''): void {
    this.inFlight -= 1;
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.trust.over(key, sentAt);
  }

  /**
   * Updates the state by the result of a call; called after `released`. Answers how a call that was
   * refused goes on: `queue` where the endpoint counts as cold from now on and is woken, `pause` where
   * the refusal concerns the call or its key. Undefined: the call was not refused.
   */
  observe(
    result: CallResult,
    sentAt: number,
    now: number,
    by: Caller = NOBODY,
  ): AfterRefusal | undefined {
    const { slots } = this.spec;
    const running = this.inFlight + 1;
    const after = this.#afterRefusal(result, sentAt, now, by);
    if (result.busy) {
      // Calls of ours that still run there make room when they end. If there are none, other
      // clients use the endpoint, and only waiting helps.
      const pauseMs = result.retryAfterMs ?? (running <= 1 ? OVERLOADED_PAUSE_MS : 0);
      const scope = this.trust.refused({ ...by, pauseMs }, now);
      if (this.#isOverload(scope, by.key, now)) {
        this.#effectiveSlots.overloaded(slots, running, sentAt, now);
      }
    }
    if (result.queuedThere !== undefined) {
      this.#effectiveSlots.queued(slots, running, result.queuedThere);
    }
    if (result.outcome === 'ok') {
      this.succeeded(now, by.key);
      if (!result.queuedThere) this.#effectiveSlots.succeeded(slots);
    } else if (result.endpointFault && after === undefined) {
      this.trust.failed(now, sentAt, by.key);
    } else if (result.forbidden) this.trust.forbidden(now, sentAt, by.key);
    return after;
  }

  /** True where the endpoint was proved warm shortly before `at`, or since, epoch ms. */
  isKnownWarm(at: number): boolean {
    return this.state === 'warm' && at - this.#provenAt < KNOWN_WARM_MS;
  }

  /** True during slow start: the endpoint has just woken and gets few calls. */
  get isOpening(): boolean {
    return this.#servedInSlowStart !== undefined;
  }

  /** When slow start opens the next slot, epoch ms; Infinity where no slot opens by time alone. */
  opensAt(now: number): number {
    const at = this.#nextSlotAt(now);
    return this.state === 'warm' && at > now ? at : Infinity;
  }

  /** The learned or configured idle timeout, ms; Infinity where the endpoint never goes cold. */
  get idleTimeoutMs(): number {
    const configuredMs = this.spec.coldStart?.idleTimeoutMs;
    return configuredMs === undefined ? Infinity : this.#idle.ms(configuredMs);
  }

  /** Longest time that a wake ahead of need can keep the endpoint up without calls, ms. */
  get longestPingMs(): number {
    return this.wakePatienceMs + MOST_GROWTH * this.idleTimeoutMs;
  }

  /** P95 of the measured cold starts, ms; the configured estimate before the first. */
  get coldStartMs(): number {
    const sorted = [...this.#coldStartsMs].sort((a, b) => a - b);
    const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1];
    return p95 ?? this.spec.coldStart?.estimateMs ?? 0;
  }

  /** Since when the endpoint answers, or is expected to, epoch ms; Infinity where it is cold. */
  get readyAt(): number {
    if (this.state === 'warm') return this.warmSince;
    return this.state === 'warming' ? this.#wokenAt + this.coldStartMs : Infinity;
  }

  /** Expected time that a call sent now waits for the platform to bring the endpoint up, ms. */
  coldWaitMs(now: number): number {
    if (this.state === 'cold') return this.coldStartMs;
    return this.state === 'warming' ? Math.max(0, this.readyAt - now) : 0;
  }

  /** A wake begins: a ping, or a call that the platform holds until the endpoint is up. */
  beginWake(wake: Wake): void {
    this.#idleMs = wake.at - this.lastActiveAt;
    this.state = this.state === 'cold' ? 'warming' : this.state;
    this.wake = wake;
    this.#wokenAt = wake.at;
    this.lastActiveAt = wake.at;
  }

  /** A wake was answered. `tookMs`: time since it began, where that was measured, ms. */
  becameWarm(now: number, tookMs?: number): void {
    if (this.state === 'draining') return;
    if (tookMs !== undefined && this.state === 'warming') this.#learnFromWake(tookMs, now);
    this.#warmed(now);
    this.trust.succeeded();
  }

  /** The endpoint is known to be cold; ignored where it drains or cannot go cold. */
  becameCold(): void {
    if (this.state === 'draining' || !this.spec.coldStart) return;
    this.state = 'cold';
    this.#presumedCold = false;
    this.#isUnknown = false;
  }

  /**
   * The endpoint gave the answer of a cold one to a call that was sent at `sentAt`. True where it
   * counts as cold or waking; false where the answer concerns the call alone: other calls run or were
   * served there since, or the key's word was wrong lately.
   */
  answeredCold(sentAt: number, now: number, key = ''): boolean {
    const { coldStart } = this.spec;
    if (!coldStart) return false;
    const upSince = this.state === 'warm' ? this.warmSince : this.#wokenAt;
    // A call that was sent before the wake says nothing about the state since.
    if (this.state === 'cold' || upSince > sentAt) return true;
    const servesOthers = this.inFlight > 0 || this.#succeededAt > sentAt;
    if (servesOthers || this.#coldDoubts.isDoubted(key, now)) return false;
    this.#coldClaim = { key, idleMs: this.state === 'warm' ? this.#idleMs : undefined };
    this.becameCold();
    return true;
  }

  /** A wake that was sent at `sentAt` was refused, broke off, or got no answer. */
  failed(now: number, sentAt = now): void {
    this.trust.failed(now, sentAt);
  }

  /** A call was served to its end. */
  succeeded(now: number, key = ''): void {
    this.#succeededAt = now;
    this.#warmed(now);
    this.trust.succeeded(key);
    if (this.#servedInSlowStart !== undefined) this.#servedInSlowStart += 1;
  }

  /** True where a call was served to its end after `at`, epoch ms. */
  hasServedSince(at: number): boolean {
    return this.#succeededAt > at;
  }

  /** When the state changes by time alone, epoch ms; Infinity where it does not. */
  get changesAt(): number {
    if (!this.spec.coldStart) return Infinity;
    if (this.state === 'warm' && this.inFlight === 0) return this.lastActiveAt + this.idleTimeoutMs;
    if (this.state === 'warming') return this.#wokenAt + this.wakePatienceMs;
    return Infinity;
  }

  /** Applies the due change: an idle warm endpoint goes cold, an unanswered wake is given up. */
  elapse(now: number): void {
    if (now < this.changesAt) return;
    const timedOut = this.state === 'warm';
    this.becameCold();
    this.#presumedCold = timedOut;
  }

  /** The endpoint answers a request that is no call: its platform counts that as use. */
  keptUp(now: number): void {
    if (this.state === 'warm') this.lastActiveAt = now;
  }

  /** Handles a clock that jumps back: no recorded time is later than `now`. */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.lastServedAt = Math.min(this.lastServedAt, now);
    this.warmSince = Math.min(this.warmSince, now);
    this.#succeededAt = Math.min(this.#succeededAt, now);
    this.#provenAt = Math.min(this.#provenAt, now);
    this.trust.clockWentBack(now);
    this.#effectiveSlots.clockWentBack(now);
    this.#coldDoubts.clockWentBack(now);
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

  /** Restores what was learned, and the state: an endpoint that was warming counts as cold. */
  restore(from: EndpointSnapshot): void {
    this.#coldStartsMs = [...from.coldStartsMs];
    this.#idle.restore(from.idleTimeoutMs);
    this.lastActiveAt = from.lastActiveAt;
    this.lastServedAt = from.lastActiveAt;
    if (!this.spec.coldStart || this.state === 'draining') return;
    // A wake that was in progress when the object died gets no answer any more, so `warming`
    // becomes `cold`. Its outcome is still settled, by the first call there or by the next wake.
    this.state = from.state === 'warm' ? 'warm' : 'cold';
    this.wake = from.wake;
  }

  /** Time after which a wake without an answer is given up, ms. */
  get wakePatienceMs(): number {
    return Math.max(MIN_WAKE_PATIENCE_MS, WAKE_PATIENCE_COLD_STARTS * this.coldStartMs);
  }

  /** Many refusals at once are one overload; those of one key count while no other key is there. */
  #isOverload(scope: Scope, key: string, now: number): boolean {
    return scope === 'endpoint' || (scope === 'key' && this.trust.isOnlyKey(key, now));
  }

  /** How a refused call goes on; undefined for one that was not refused. */
  #afterRefusal(
    result: CallResult,
    sentAt: number,
    now: number,
    by: Caller,
  ): AfterRefusal | undefined {
    const isCold = result.cold || this.#isSuspect(result, sentAt, by.key);
    if (isCold && this.spec.coldStart) {
      return this.answeredCold(sentAt, now, by.key) ? 'queue' : 'pause';
    }
    if (result.cold) {
      // An endpoint that is not configured to go cold is loading.
      this.trust.refused({ ...by, pauseMs: result.retryAfterMs ?? LOADING_PAUSE_MS }, now);
    }
    return result.cold || result.busy ? 'pause' : undefined;
  }

  /** True where a failure shows an endpoint that is not up rather than one that fails the call. */
  #isSuspect({ mayBeCold }: CallResult, sentAt: number, key: string): boolean {
    if (!mayBeCold || !this.spec.coldStart || this.isKnownWarm(sentAt)) return false;
    return !this.#coldDoubts.isDoubted(key, sentAt);
  }

  #warmed(now: number): void {
    if (this.state === 'draining') return;
    if (this.state !== 'warm') {
      this.warmSince = now;
      this.#servedInSlowStart = this.spec.coldStart?.slowStart ? 0 : undefined;
    }
    this.state = 'warm';
    this.#provenAt = now;
    this.lastActiveAt = now;
    this.#coldClaim = undefined;
    this.#isUnknown = false;
  }

  /** Learns how long a cold start takes, that the endpoint was still warm, or that it was not cold. */
  #learnFromWake(tookMs: number, now: number): void {
    const configuredMs = this.spec.coldStart?.idleTimeoutMs ?? Infinity;
    const claim = this.#coldClaim;
    const assumedMs = Math.max(this.coldStartMs, this.spec.coldStart?.estimateMs ?? 0);
    const wasAtOnce = tookMs < Math.min(AT_ONCE_MS, assumedMs * NOT_COLD_SHARE);
    if (claim && wasAtOnce) return this.#coldDoubts.wasWrong(claim.key, now);
    // Nothing was known of its state: it was up.
    if (this.#isUnknown && wasAtOnce) return;
    if (claim) {
      this.#coldDoubts.wasRight(claim.key);
      if (claim.idleMs !== undefined) this.#idle.wasCold(claim.idleMs, configuredMs);
    }
    const wasQuick = this.#coldStartsMs.length > 0 && tookMs < this.coldStartMs * NOT_COLD_SHARE;
    if (wasQuick && this.#presumedCold && !this.#idle.isLongest(configuredMs)) {
      this.#idle.wasWarm(this.#idleMs, configuredMs);
      return;
    }
    this.#coldStartsMs = [...this.#coldStartsMs, tookMs].slice(-COLD_STARTS_KEPT);
  }

  /** When the next slot is open, epoch ms; Infinity where only the end of a call frees one. */
  #nextSlotAt(now: number): number {
    if (this.free <= 0) return Infinity;
    if (this.#servedInSlowStart === undefined) return now;
    const { slots } = this.spec;
    const warmMs = now - this.warmSince;
    const open = openSlots(slots, warmMs, this.#servedInSlowStart);
    if (open >= slots) this.#servedInSlowStart = undefined;
    return this.inFlight < open ? now : this.warmSince + nextOpeningMs(warmMs);
  }
}
