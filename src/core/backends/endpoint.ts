/**
 * One endpoint of a backend: its state, by what its calls and wakes show. Its slots are in
 * endpoint-slots.ts, when it was used in endpoint-use.ts, its specification and what is stored of it in
 * endpoint-state.ts; the choice between the endpoints of a backend is in endpoint-choice.ts.
 *
 * An endpoint that scales to zero is cold, warming or warm; any endpoint is draining once the
 * configuration no longer names it.
 */

import type { CallResult } from '../runs/call-result.ts';
import { EndpointLearning } from './endpoint-learning.ts';
import { EndpointSlots } from './endpoint-slots.ts';
import type {
  EndpointSnapshot,
  EndpointSpec,
  EndpointState,
  PlatformError,
  Wake,
} from './endpoint-state.ts';
import { EndpointTimeline } from './endpoint-timeline.ts';
import { EndpointTrust, type Scope } from './endpoint-trust.ts';
import { EndpointUse } from './endpoint-use.ts';
import { ReleaseState } from './release-state.ts';
import type { WakeTimes, WokenFrom } from './start-watch.ts';

/** Pause after a "loading" answer that names no time, ms. */
const LOADING_PAUSE_MS = 1_000;
/** Pause after an "overloaded" answer while no other call of ours ran there, ms. */
const OVERLOADED_PAUSE_MS = 500;

/** Whose call it was. */
export interface Caller {
  readonly key: string;
  readonly callId: string;
  /** Sequences that it held; 1 where absent. */
  readonly sequences?: number;
}

/** How a refused call goes on. */
export type AfterRefusal = 'queue' | 'pause';

const NOBODY: Caller = { key: '', callId: '' };
/** A wake whose outcome is booked, and whose requests go on. */
const SETTLED_WAKE = { cause: 'demand', reason: 'it is still waking', probability: 1 } as const;

export class Endpoint {
  spec: EndpointSpec;
  state: EndpointState;
  readonly slots = new EndpointSlots(this);
  /** When a call last began or ended, a wake began or the endpoint became warm, epoch ms. */
  lastActiveAt: number;
  /** When a call last began or ended there, epoch ms; pings do not count. */
  lastServedAt: number;
  /** Since when the endpoint answers, epoch ms; valid only while it is warm. */
  warmSince: number;
  /** The wake that is in progress, or whose outcome is not known yet. */
  wake: Wake | undefined;
  /** True where the platform refused a call that was sent there to be held while it starts. */
  refusesWhileCold = false;
  readonly trust = new EndpointTrust();
  readonly timeline: EndpointTimeline;
  /** Since when it takes no calls and no wakes, by hand, epoch ms; undefined: it is not paused. */
  pausedAt: number | undefined;
  /** True where it was told by hand to go cold: only a call or a hand wakes it. */
  letGo = false;
  /** Whether it is being told to go cold, and when it may be. */
  readonly release = new ReleaseState();
  /** Why its last wake and its last release that failed did. */
  wakeError: PlatformError | undefined;
  releaseError: PlatformError | undefined;
  /** What was learned of its starts, and of how long it stays warm. */
  readonly learning = new EndpointLearning(() => this.spec.coldStart);
  readonly #use: EndpointUse;
  /** When the last wake began, epoch ms, even if it is settled; valid only while warming. */
  #wokenAt = -Infinity;
  /** The `at` of the last wake, by which a report names it, whatever the clock does. */
  #wakeId: number | undefined;
  /** By what it counts as cold; `unknown` also where it counts as warm without any proof since. */
  #coldBy: WokenFrom = 'unknown';
  /** True where a wake was in progress when the object died: nobody waits for its answer. */
  #isInterrupted = false;
  /** Since when it has its state, epoch ms. */
  stateSince: number;

  constructor(spec: EndpointSpec, now: number) {
    this.spec = spec;
    this.state = spec.coldStart ? 'cold' : 'warm';
    this.timeline = new EndpointTimeline(this.state, now);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.warmSince = now;
    this.#use = new EndpointUse(now);
    this.stateSince = now;
  }

  /** True where it was paused by hand: it takes no calls and is not woken. */
  get isPaused(): boolean {
    return this.pausedAt !== undefined;
  }

  /** False where it takes no calls, in whatever state it is. */
  get takesCalls(): boolean {
    return this.state !== 'draining' && !this.isPaused;
  }

  /** Pauses it, or lets it go on. Calls in flight are not concerned. */
  setPaused(isPaused: boolean, now: number): void {
    this.pausedAt = isPaused ? now : undefined;
    this.timeline.paused(isPaused, now);
  }

  /** True where a call sent now would be served at once. */
  isReady(now: number, key = '', sequences = 1): boolean {
    if (this.state !== 'warm' || this.pausedAt !== undefined) return false;
    // Most of the endpoints that are asked are full.
    return this.slots.areOpen(now, sequences) && this.trust.admits(key, now);
  }

  /** A call is sent to the endpoint. */
  granted(now: number, key = '', sequences = 1): void {
    if (this.slots.inFlight === 0) {
      this.#use.began(this.state === 'warm', now);
      this.timeline.busy(now);
    }
    this.slots.take(sequences);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.trust.sent(key, now);
  }

  /** Slots are lent to an isolate, which sends calls on them that are reported later. */
  lent(slots: number, now: number): void {
    if (this.slots.inFlight === 0) {
      this.#use.began(this.state === 'warm', now);
      this.timeline.busy(now);
    }
    this.slots.lend(slots);
    this.lastActiveAt = now;
  }

  /** The loan is over; `slots`: those of it that no reported call holds. */
  lentBack(slots: number, now: number): void {
    this.slots.takeBack(slots);
    if (this.slots.inFlight === 0) this.timeline.quiet(now);
    this.lastActiveAt = now;
  }

  /**
   * Slots that the endpoint can serve, or will once it is warm; 0 unless its circuit is closed, and
   * where it is paused.
   */
  upSlots(now: number): number {
    const isUp = (this.state === 'warm' || this.state === 'warming') && !this.isPaused;
    const isTrusted = this.trust.stateAt(now) === 'closed';
    return isUp && isTrusted ? this.slots.usable : 0;
  }

  /** A call that was sent at `sentAt` has ended, with any outcome. */
  released(now: number, sentAt: number, key = '', sequences = 1): void {
    this.slots.giveBack(sequences);
    if (this.slots.inFlight === 0) this.timeline.quiet(now);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.#use.ended(now);
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
    const { slots } = this;
    const running = slots.sequences + (by.sequences ?? 1);
    const after = this.#afterRefusal(result, sentAt, now, by);
    // Without an answer it may be at work on the call, so that is not queued again; but others are.
    if (result.timedOut && this.mayBeCold(sentAt, by.key)) {
      if (this.answeredCold(sentAt, now, by.key)) this.#use.claimedWithoutAnswer(sentAt);
    }
    if (result.cold || result.endpointFault || after === 'queue') this.#use.wasNotServed();
    if (result.busy) {
      // Calls of ours that still run there make room when they end. If there are none, other
      // clients use the endpoint, and only waiting helps.
      const pauseMs = result.retryAfterMs ?? (slots.inFlight === 0 ? OVERLOADED_PAUSE_MS : 0);
      const scope = this.trust.refused({ ...by, pauseMs }, now);
      if (this.#isOverload(scope, by.key, now)) slots.overloaded(running + slots.lent, sentAt, now);
    }
    slots.observe(result, sentAt, running, (by.sequences ?? 1) === 1);
    if (result.outcome === 'ok') {
      this.#learnFromCall(result, sentAt, now);
      this.succeeded(now, by.key);
    } else if (result.endpointFault && after === undefined) {
      this.trust.failed(now, sentAt, by.key);
    } else if (result.forbidden) this.trust.forbidden(now, sentAt, by.key);
    return after;
  }

  /**
   * True where a failure of a request that was sent at `at` may show that the endpoint is not up: it
   * can go cold, was not proved warm shortly before that or since, and the key's word was not wrong
   * lately. `isGone`: it takes no connections, which no earlier proof outweighs.
   */
  mayBeCold(at: number, key = '', isGone = false): boolean {
    if (!this.spec.coldStart) return false;
    const mayBe = isGone || this.state !== 'warm' || this.#use.mayBeCold(at);
    return mayBe && !this.#use.isDoubted(key, at);
  }

  /** The learned or configured idle timeout, ms; Infinity where the endpoint never goes cold. */
  get idleTimeoutMs(): number {
    return this.learning.idleTimeoutMs;
  }

  /** P95 of the measured cold starts, ms; the configured estimate before the first. */
  get coldStartMs(): number {
    return this.learning.coldStartMs;
  }

  /** True where the state is an assumption: no call or wake has shown it since. */
  get presumed(): boolean {
    if (!this.spec.coldStart || this.state === 'draining') return false;
    if (this.state === 'cold') return this.#coldBy !== 'told' || this.release.isOut;
    return this.state === 'warm' && this.#coldBy === 'unknown';
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
    const from = this.state === 'warm' ? 'warm' : this.#coldBy;
    const isIdle = from === 'warm' || from === 'presumed';
    const { claim } = this.#use;
    const idleMs = isIdle ? this.#use.idleMs(wake.at) : claim?.idleMs;
    const unansweredMs = Math.max(0, wake.at - (claim?.unansweredAt ?? wake.at));
    const { patienceMs } = this.learning;
    this.learning.watch.begin({ from, idleMs, unansweredMs, at: wake.at, patienceMs });
    this.release.overtaken();
    this.letGo = false;
    if (this.state === 'cold') this.#enter('warming', wake.at);
    this.wake = wake;
    this.#wakeId = wake.at;
    this.#wokenAt = wake.at;
    this.lastActiveAt = wake.at;
  }

  /** True where `wakeAt` is the `at` of the last wake; a report that names none is of the last. */
  isLastWake(wakeAt: number | undefined): boolean {
    return wakeAt === undefined || wakeAt === this.#wakeId;
  }

  /** The last wake was answered; `times`: how it went, where that was measured. */
  becameWarm(now: number, times: WakeTimes = {}): void {
    if (this.state === 'draining') return;
    if (times.tookMs === undefined) this.learning.watch.drop();
    else this.#learnFromWake(times, now);
    this.provenUp(now);
  }

  /** An earlier wake was answered: that proves the endpoint up, but teaches nothing of the last. */
  provenUp(now: number): void {
    if (this.state === 'draining') return;
    this.wakeError = undefined;
    this.#warmed(now);
    this.trust.succeeded();
  }

  /**
   * The endpoint is cold; ignored where it drains or cannot go cold. `by`: how that is known; `told`:
   * for certain. `at`: when it went cold, where that was before `now`.
   */
  becameCold(now = this.lastActiveAt, by: WokenFrom = 'told', at = now): void {
    if (this.state === 'draining' || !this.spec.coldStart) return;
    this.#enter('cold', now, at);
    this.#coldBy = by;
    if (by === 'told') this.learning.watch.drop();
  }

  /**
   * When it is told to go cold for want of use, epoch ms: one that does not go cold by itself, and is
   * not known to be. Infinity for never.
   */
  get releaseDueAt(): number {
    const { coldStart } = this.spec;
    if (!coldStart?.releasable || this.slots.held > 0) return Infinity;
    const isIdle = this.state === 'warm' || (this.state === 'cold' && this.#coldBy !== 'told');
    if (!isIdle) return Infinity;
    return Math.max(this.lastActiveAt + coldStart.idleTimeoutMs, this.release.notBefore);
  }

  /** It is told to go cold, and gets no calls from now on. */
  toldToGoCold(now: number): void {
    this.becameCold(now, 'told');
    this.release.sent(now);
  }

  /** How the last release ended. One that failed leaves the endpoint up. */
  releaseAnswered(ok: boolean, reason: string | undefined, now: number): void {
    if (!this.release.answered(ok, now)) return;
    if (ok) {
      this.releaseError = undefined;
      return;
    }
    this.releaseError = { at: now, reason: reason ?? 'it failed' };
    if (this.state !== 'cold') return;
    this.#enter('warm', now);
    this.warmSince = now;
    this.#coldBy = 'unknown';
  }

  /** The last wake was refused, broke off, or got no answer in time; `times`: how it went. */
  wakeFailed(now: number, reason = 'no answer in time', times: WakeTimes = {}): void {
    this.wakeError = { at: now, reason };
    this.trust.failed(now, this.#wokenAt);
    this.learning.gaveUp(times, now);
    this.becameCold(now, 'failed');
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
    const servesOthers = this.slots.inFlight > 0 || this.hasServedSince(sentAt);
    if (servesOthers || this.#use.isDoubted(key, now)) return false;
    if (this.state === 'warming') this.refusesWhileCold = true;
    this.#use.claimedCold(key, this.state === 'warm', now);
    // A ping that is not answered found it cold before the call did, and its wake goes on.
    if (this.state === 'warm' && now < this.learning.awaitedUntil) this.#enter('warming', now);
    else this.becameCold(now, 'claimed');
    return true;
  }

  /** A call was served to its end. */
  succeeded(now: number, key = ''): void {
    this.#use.succeeded(now);
    this.#warmed(now);
    this.trust.succeeded(key);
    this.slots.served();
  }

  /** True where a call was served to its end after `at`, epoch ms. */
  hasServedSince(at: number): boolean {
    return this.#use.hasServedSince(at);
  }

  /** When the state changes by time alone, epoch ms; Infinity where it does not. */
  get changesAt(): number {
    if (!this.spec.coldStart) return Infinity;
    if (this.state === 'warming') return this.#wokenAt + this.learning.wakePatienceMs;
    if (this.spec.coldStart.releasable) return this.releaseDueAt;
    if (this.state === 'warm' && this.slots.held === 0) {
      return this.lastActiveAt + this.idleTimeoutMs;
    }
    return Infinity;
  }

  /**
   * The wake from before a restart that must be sent again, once. `isAsked`: requests of its own are
   * waited for, also where the wake is settled, since a call came meanwhile that found it cold.
   */
  takeInterruptedWake(now: number, isAsked: boolean): Wake | undefined {
    if (!this.#isInterrupted) return undefined;
    this.#isInterrupted = false;
    if (this.state !== 'warming') return undefined;
    const settled = isAsked ? { ...SETTLED_WAKE, at: this.#wakeId ?? this.#wokenAt } : undefined;
    const wake = this.wake ?? settled;
    if (!wake || (wake.cause === 'demand' && !isAsked)) return undefined;
    this.learning.watch.sentAgain(now);
    return wake;
  }

  /**
   * Applies the due change: an idle warm endpoint goes cold, or is waking where a ping is not
   * answered; an unanswered wake is given up. One that has to be told to go cold does not change by
   * itself.
   */
  elapse(now: number): void {
    this.learning.elapse(now);
    const at = this.changesAt;
    if (now < at) return;
    if (this.state !== 'warming' && this.spec.coldStart?.releasable) return;
    if (this.state === 'warm' && now < this.learning.awaitedUntil) this.#enter('warming', now);
    else if (this.state === 'warm') this.becameCold(now, 'presumed', at);
    else this.wakeFailed(now);
  }

  /** The endpoint answers a request that is no call: its platform counts that as use. */
  keptUp(now: number): void {
    if (this.state !== 'warm') return;
    this.lastActiveAt = now;
    this.#use.used(now);
  }

  /**
   * Handles a clock that jumps back: no recorded time is later than `now`, but for that of the wake,
   * by which a report names it.
   */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.lastServedAt = Math.min(this.lastServedAt, now);
    this.warmSince = Math.min(this.warmSince, now);
    this.#use.clockWentBack(now);
    this.stateSince = Math.min(this.stateSince, now);
    if (this.pausedAt !== undefined) this.pausedAt = Math.min(this.pausedAt, now);
    this.timeline.clockWentBack(now);
    this.#wokenAt = Math.min(this.#wokenAt, now);
    this.trust.clockWentBack(now);
    this.slots.clockWentBack(now);
    this.release.clockWentBack(now);
    this.learning.clockWentBack(now);
  }

  snapshot(): EndpointSnapshot {
    return {
      state: this.state,
      lastActiveAt: this.lastActiveAt,
      ...this.learning.snapshot(),
      ...(this.wake ? { wake: this.wake } : {}),
      ...(this.#isReleased ? { released: true } : {}),
      ...(this.refusesWhileCold ? { refusesWhileCold: true } : {}),
      ...(this.wakeError ? { wakeError: this.wakeError } : {}),
      ...(this.releaseError ? { releaseError: this.releaseError } : {}),
      ...(this.pausedAt === undefined ? {} : { pausedAt: this.pausedAt }),
      ...(this.letGo ? { letGo: true } : {}),
      timeline: this.timeline.open,
    };
  }

  /**
   * Restores what was learned, and the state. A wake that was in progress goes on, but has to be sent
   * again. One that an earlier version stored does not: the endpoint counts as cold.
   */
  restore(from: EndpointSnapshot): void {
    this.learning.restore(from);
    this.refusesWhileCold = from.refusesWhileCold ?? false;
    this.wakeError = from.wakeError;
    this.releaseError = from.releaseError;
    this.lastActiveAt = from.lastActiveAt;
    this.lastServedAt = from.lastActiveAt;
    this.#use.restore(from.lastActiveAt);
    if (this.state === 'draining') return;
    this.pausedAt = from.pausedAt;
    this.letGo = from.letGo ?? false;
    this.#restoreState(from);
    if (from.timeline) this.timeline.restore(from.timeline, this.state, from.lastActiveAt);
  }

  #restoreState(from: EndpointSnapshot): void {
    if (!this.spec.coldStart) return;
    this.wake = from.wake;
    this.#wakeId = from.wake?.at ?? from.start?.at;
    this.#coldBy = 'unknown';
    if (from.state === 'warming' && from.start) {
      this.state = 'warming';
      this.#wokenAt = from.start.at;
      this.#isInterrupted = true;
    } else this.state = from.state === 'warm' ? 'warm' : 'cold';
    // Nobody waits for the answer of a ping any more.
    if (this.state === 'warm') this.learning.watch.drop();
    if (this.state === 'cold' && from.released) this.#coldBy = 'told';
    this.stateSince = from.lastActiveAt;
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
    const { cold, mayBeCold, connectionLost } = result;
    const isCold = cold || (mayBeCold && this.mayBeCold(sentAt, by.key, connectionLost));
    if (isCold && this.spec.coldStart) {
      return this.answeredCold(sentAt, now, by.key) ? 'queue' : 'pause';
    }
    if (result.cold) {
      // An endpoint that is not configured to go cold is loading.
      this.trust.refused({ ...by, pauseMs: result.retryAfterMs ?? LOADING_PAUSE_MS }, now);
    }
    return result.cold || result.busy ? 'pause' : undefined;
  }

  get #isReleased(): boolean {
    return this.state === 'cold' && this.#coldBy === 'told' && !this.release.isOut;
  }

  #enter(state: EndpointState, now: number, at = now): void {
    if (this.state !== state) {
      this.stateSince = now;
      this.timeline.entered(state, this.slots.inFlight > 0, at);
    }
    this.state = state;
  }

  #warmed(now: number): void {
    if (this.state === 'draining') return;
    if (this.state !== 'warm') {
      this.warmSince = now;
      this.slots.restarted(this.spec.coldStart?.slowStart ?? false);
    }
    this.#enter('warm', now);
    this.lastActiveAt = now;
    this.#use.proven(now);
    this.#coldBy = 'told';
  }

  /** Learns how long the start took, or that the endpoint was up. */
  #learnFromWake(times: WakeTimes, now: number): void {
    const { wasUp = false } = this.learning.answered(times, now);
    this.#use.settle(wasUp, now);
  }

  #learnFromCall(result: CallResult, sentAt: number, now: number): void {
    if (!this.spec.coldStart) return;
    if (this.state !== 'warm') return this.learning.heldCall(result, sentAt, now);
    this.learning.servedCall(result, this.#use.idleBefore(sentAt), now);
  }
}
