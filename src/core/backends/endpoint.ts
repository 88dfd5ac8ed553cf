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
import { EndpointLearning, type Learned } from './endpoint-learning.ts';
import type {
  EndpointSnapshot,
  EndpointSpec,
  EndpointState,
  PlatformError,
  Wake,
} from './endpoint-state.ts';
import { EndpointTimeline } from './endpoint-timeline.ts';
import { EndpointTrust, type Scope } from './endpoint-trust.ts';
import { type EngineLoad, EngineSlots } from './engine-slots.ts';
import { MOST_GROWTH } from './learned-idle.ts';
import { queuedInEngine } from './queued-in-engine.ts';
import { ReleaseState } from './release-state.ts';
import { nextOpeningMs, openSlots } from './slow-start.ts';
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

/** An endpoint that was proved warm so shortly before a call was sent was warm then, ms. */
const KNOWN_WARM_MS = 5_000;

/** How a refused call goes on. */
export type AfterRefusal = 'queue' | 'pause';

const NOBODY: Caller = { key: '', callId: '' };
/** A wake whose outcome is booked, and whose requests go on. */
const SETTLED_WAKE = { cause: 'demand', reason: 'it is still waking', probability: 1 } as const;

export class Endpoint {
  spec: EndpointSpec;
  state: EndpointState;
  /** Calls that were sent there and have not ended. */
  inFlight = 0;
  /** Their sequences, each of which takes a slot; one call alone may have more than there are. */
  sequences = 0;
  /** It reads a prefix ahead of a call, which takes a slot; it does not go cold meanwhile. */
  isReading = false;
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
  readonly #release = new ReleaseState();
  /** Why its last wake and its last release that failed did. */
  wakeError: PlatformError | undefined;
  releaseError: PlatformError | undefined;
  readonly #effectiveSlots = new EffectiveSlots();
  readonly #engineSlots = new EngineSlots();
  readonly #learning = new EndpointLearning(() => this.spec.coldStart);
  /** When a call was last served to its end, epoch ms. */
  #succeededAt = -Infinity;
  /** When a call or wake last proved it warm, epoch ms. */
  #provenAt = -Infinity;
  /** When the last wake began, epoch ms, even if it is settled; valid only while warming. */
  #wokenAt = -Infinity;
  /** The `at` of the last wake, by which a report names it, whatever the clock does. */
  #wakeId: number | undefined;
  /** When the platform was last seen to serve a call or a ping there, epoch ms. */
  #usedAt: number;
  /** The same before the last call ended, in case its answer shows that it was not served. */
  #usedBefore: number;
  /** True where a call was not served since then: nobody knows whether it was up, or used, since. */
  #isUseUnknown = false;
  /** The first of the calls in flight, and the idle time before it, ms, where it counted as warm. */
  #first: { readonly at: number; readonly idleMs: number | undefined } | undefined;
  /** By what it counts as cold; `unknown` also where it counts as warm without any proof since. */
  #coldBy: WokenFrom = 'unknown';
  readonly #coldDoubts = new ColdDoubts();
  /** The cold answer by which it counts as cold, and its idle time before, until a wake tells. */
  #coldClaim:
    | {
        readonly key: string;
        readonly idleMs: number | undefined;
        /** When a call was sent that got no answer in time: the start may have begun with it. */
        readonly unansweredAt?: number;
      }
    | undefined;
  /** True where a wake was in progress when the object died: nobody waits for its answer. */
  #isInterrupted = false;
  /** Calls served since the endpoint woke; undefined where slow start is off or over. */
  #servedInSlowStart: number | undefined;
  /** Since when it has its state, epoch ms. */
  #stateSince: number;

  constructor(spec: EndpointSpec, now: number) {
    this.spec = spec;
    this.state = spec.coldStart ? 'cold' : 'warm';
    this.timeline = new EndpointTimeline(this.state, now);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.warmSince = now;
    this.#usedAt = now;
    this.#usedBefore = now;
    this.#stateSince = now;
  }

  /** Free slots of those that the endpoint can serve now; negative while it has too many calls. */
  get free(): number {
    return this.#effectiveSlots.of(this.spec.slots) - this.slotsHeld;
  }

  /** Slots that calls and a read hold. */
  get slotsHeld(): number {
    return this.sequences + (this.isReading ? 1 : 0);
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
    // Most of the endpoints that are asked are full.
    if (this.free <= 0 || this.state !== 'warm' || this.pausedAt !== undefined) return false;
    if (this.#nextSlotAt(now) > now) return false;
    return this.hasRoom(now, sequences) && this.trust.admits(key, now);
  }

  /** True where so many slots are free; a call that asks for more than there are takes them all. */
  hasRoom(now: number, sequences: number): boolean {
    if (this.free <= 0) return false;
    return this.slotsHeld === 0 || this.freeAt(now) >= sequences;
  }

  /** Free slots, without those that slow start has not opened. */
  freeAt(now: number): number {
    if (this.#servedInSlowStart === undefined || this.state !== 'warm') return this.free;
    const warmMs = now - this.warmSince;
    const open = openSlots(this.spec.slots, warmMs, this.#servedInSlowStart);
    return Math.min(this.free, open - this.slotsHeld);
  }

  /** No calls are sent before this time, epoch ms: the endpoint failed or asked for a pause. */
  unavailableUntil(now: number): number {
    return this.trust.openUntil(now);
  }

  /** A call is sent to the endpoint. */
  granted(now: number, key = '', sequences = 1): void {
    if (this.inFlight === 0) {
      const idleMs = this.state === 'warm' ? this.#idleMs(now) : undefined;
      this.#first = { at: now, idleMs };
      this.timeline.busy(now);
    }
    this.holds(sequences);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.trust.sent(key, now);
  }

  /** A call holds slots there: it was sent, now or before a restart. */
  holds(sequences: number): void {
    this.inFlight += 1;
    this.sequences += sequences;
  }

  /** Slots in use, as far as there are slots: what runs beside each other there. */
  get concurrency(): number {
    return Math.min(this.sequences, Math.max(this.inFlight, this.spec.slots));
  }

  /** The configured slots, less those that it has shown not to have. */
  get usableSlots(): number {
    return this.#effectiveSlots.of(this.spec.slots);
  }

  /** What limits the slots below the configured ones: the engine's word, or what calls met there. */
  get slotsLimitedBy(): 'engine' | 'calls' | undefined {
    const { slots } = this.spec;
    if (this.usableSlots >= slots) return undefined;
    return this.usableSlots === this.#effectiveSlots.told ? 'engine' : 'calls';
  }

  /** True where its engine is to be asked for its load now; `loadTold` then follows. */
  isLoadDue(now: number): boolean {
    return this.state === 'warm' && this.#engineSlots.isDue(this.sequences, now);
  }

  /** Its engine told its load; undefined where it told nothing. */
  loadTold(load: EngineLoad | undefined, now: number): void {
    if (this.state === 'draining') return;
    const [{ slots }, limits, held] = [this.spec, this.#effectiveSlots, this.sequences];
    const waiting = this.#engineSlots.told(load, held, limits.isShownBelow(slots), now);
    limits.told = this.#engineSlots.limit;
    limits.queued(slots, held, waiting);
  }

  /**
   * Slots that the endpoint can serve, or will once it is warm; 0 unless its circuit is closed, and
   * where it is paused.
   */
  upSlots(now: number): number {
    const isUp = (this.state === 'warm' || this.state === 'warming') && !this.isPaused;
    const isTrusted = this.trust.stateAt(now) === 'closed';
    return isUp && isTrusted ? this.#effectiveSlots.of(this.spec.slots) : 0;
  }

  /** A call that was sent at `sentAt` has ended, with any outcome. */
  released(now: number, sentAt: number, key = '', sequences = 1): void {
    this.inFlight -= 1;
    this.sequences -= sequences;
    if (this.inFlight === 0) this.timeline.quiet(now);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.#usedBefore = this.#usedAt;
    this.#usedAt = now;
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
    const running = this.sequences + (by.sequences ?? 1);
    const after = this.#afterRefusal(result, sentAt, now, by);
    // Without an answer it may be at work on the call, so that is not queued again; but others are.
    if (result.timedOut && this.mayBeCold(sentAt, by.key)) {
      const isCold = this.answeredCold(sentAt, now, by.key);
      if (isCold && this.#coldClaim) {
        this.#coldClaim = { unansweredAt: sentAt, ...this.#coldClaim };
      }
    }
    const wasNotServed = result.cold || result.endpointFault || after === 'queue';
    if (wasNotServed) {
      this.#usedAt = this.#usedBefore;
      this.#isUseUnknown = true;
    }
    if (result.busy) {
      // Calls of ours that still run there make room when they end. If there are none, other
      // clients use the endpoint, and only waiting helps.
      const pauseMs = result.retryAfterMs ?? (this.inFlight === 0 ? OVERLOADED_PAUSE_MS : 0);
      const scope = this.trust.refused({ ...by, pauseMs }, now);
      if (this.#isOverload(scope, by.key, now)) {
        this.#effectiveSlots.overloaded(slots, running, sentAt, now);
      }
    }
    this.#observeQueue(result, sentAt, running, by.sequences === undefined || by.sequences === 1);
    if (result.outcome === 'ok') {
      this.#learnFromCall(result, sentAt, now);
      this.succeeded(now, by.key);
    } else if (result.endpointFault && after === undefined) {
      this.trust.failed(now, sentAt, by.key);
    } else if (result.forbidden) this.trust.forbidden(now, sentAt, by.key);
    return after;
  }

  /** Learns how many calls the engine serves at once from those that wait there. */
  #observeQueue(result: CallResult, sentAt: number, running: number, isSingle: boolean): void {
    const { slots } = this.spec;
    const wasUp = this.state === 'warm' && sentAt >= this.warmSince;
    // The times of one of several answers do not tell how long the call took there.
    const isTold = wasUp && isSingle;
    const queuedThere =
      result.queuedThere ?? (isTold ? queuedInEngine(result, running) : undefined);
    if (queuedThere !== undefined) this.#effectiveSlots.queued(slots, running, queuedThere);
    if (result.outcome === 'ok' && !queuedThere) this.#effectiveSlots.succeeded(slots);
  }

  /**
   * True where a failure of a request that was sent at `at` may show that the endpoint is not up: it
   * can go cold, was not proved warm shortly before that or since, and the key's word was not wrong
   * lately. `isGone`: it takes no connections, which no earlier proof outweighs.
   */
  mayBeCold(at: number, key = '', isGone = false): boolean {
    if (!this.spec.coldStart) return false;
    const isKnownWarm = this.state === 'warm' && at - this.#provenAt < KNOWN_WARM_MS;
    return (isGone || !isKnownWarm) && !this.#coldDoubts.isDoubted(key, at);
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
    return this.#learning.idleTimeoutMs;
  }

  /** Idle time after which a ping keeps it warm, ms; Infinity where no ping does. */
  get pingAfterMs(): number {
    return this.#learning.pingAfterMs;
  }

  /** Longest time that a wake ahead of need can keep the endpoint up without calls, ms. */
  get longestPingMs(): number {
    return this.#learning.patienceMs + MOST_GROWTH * this.idleTimeoutMs;
  }

  /** P95 of the measured cold starts, ms; the configured estimate before the first. */
  get coldStartMs(): number {
    return this.#learning.coldStartMs;
  }

  /**
   * How long before a need a wake begins, ms: so that it is late as often as pays, where a second of
   * warm time costs `theta` and a second of a wait the rest.
   */
  leadMs(theta: number): number {
    return this.#learning.leadMs(theta);
  }

  /** Mean length of the measured cold starts, ms; the configured estimate before the first. */
  get meanStartMs(): number {
    return this.#learning.meanStartMs;
  }

  /** What was learned, from how much and when; undefined where the endpoint never goes cold. */
  get learned(): Learned | undefined {
    return this.#learning.learned;
  }

  /** True where the state is an assumption: no call or wake has shown it since. */
  get presumed(): boolean {
    if (!this.spec.coldStart || this.state === 'draining') return false;
    if (this.state === 'cold') return this.#coldBy !== 'told' || this.#release.isOut;
    return this.state === 'warm' && this.#coldBy === 'unknown';
  }

  /** Since when the endpoint has its state, epoch ms. */
  get stateSince(): number {
    return this.#stateSince;
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
    const idleMs = isIdle ? this.#idleMs(wake.at) : this.#coldClaim?.idleMs;
    const unansweredMs = Math.max(0, wake.at - (this.#coldClaim?.unansweredAt ?? wake.at));
    const { patienceMs } = this.#learning;
    this.#learning.watch.begin({ from, idleMs, unansweredMs, at: wake.at, patienceMs });
    this.#release.overtaken();
    this.letGo = false;
    if (this.state === 'cold') this.#enter('warming', wake.at);
    this.wake = wake;
    this.#wakeId = wake.at;
    this.#wokenAt = wake.at;
    this.lastActiveAt = wake.at;
  }

  /** Until when the answer of the last wake is awaited, epoch ms; -Infinity where none is. */
  get awaitedUntil(): number {
    const { start } = this.#learning.watch;
    if (!start || start.endedAt !== undefined) return -Infinity;
    return start.at + start.patienceMs;
  }

  /** True where `wakeAt` is the `at` of the last wake; a report that names none is of the last. */
  isLastWake(wakeAt: number | undefined): boolean {
    return wakeAt === undefined || wakeAt === this.#wakeId;
  }

  /** The last wake was answered; `times`: how it went, where that was measured. */
  becameWarm(now: number, times: WakeTimes = {}): void {
    if (this.state === 'draining') return;
    if (times.tookMs === undefined) this.#learning.watch.drop();
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
    if (by === 'told') this.#learning.watch.drop();
  }

  /**
   * When it is told to go cold for want of use, epoch ms: one that does not go cold by itself, and is
   * not known to be. Infinity for never.
   */
  get releaseDueAt(): number {
    const { coldStart } = this.spec;
    if (!coldStart?.releasable || this.slotsHeld > 0) return Infinity;
    const isIdle = this.state === 'warm' || (this.state === 'cold' && this.#coldBy !== 'told');
    if (!isIdle) return Infinity;
    return Math.max(this.lastActiveAt + coldStart.idleTimeoutMs, this.#release.notBefore);
  }

  /** No release is sent before this time, epoch ms. */
  get releasePausedUntil(): number {
    return this.#release.notBefore;
  }

  /** True while a request that tells it to go cold is out. */
  get isReleasing(): boolean {
    return this.#release.isOut;
  }

  /** It is told to go cold, and gets no calls from now on. */
  toldToGoCold(now: number): void {
    this.becameCold(now, 'told');
    this.#release.sent(now);
  }

  /** How the last release ended. One that failed leaves the endpoint up. */
  releaseAnswered(ok: boolean, reason: string | undefined, now: number): void {
    if (!this.#release.answered(ok, now)) return;
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
    this.#learning.gaveUp(times, now);
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
    const servesOthers = this.inFlight > 0 || this.#succeededAt > sentAt;
    if (servesOthers || this.#coldDoubts.isDoubted(key, now)) return false;
    if (this.state === 'warming') this.refusesWhileCold = true;
    // Idle time counts up to the first of the calls that ran together, unless one was served.
    const { at = now, idleMs } = this.#first ?? {};
    const wasIdle = this.state === 'warm' && this.#succeededAt < at;
    this.#coldClaim = { key, idleMs: wasIdle ? idleMs : undefined };
    // A ping that is not answered found it cold before the call did, and its wake goes on.
    if (this.state === 'warm' && now < this.awaitedUntil) this.#enter('warming', now);
    else this.becameCold(now, 'claimed');
    return true;
  }

  /** A call that was sent at `sentAt` failed by the endpoint's fault. */
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
    if (this.state === 'warming') return this.#wokenAt + this.wakePatienceMs;
    if (this.spec.coldStart.releasable) return this.releaseDueAt;
    if (this.state === 'warm' && this.slotsHeld === 0) {
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
    this.#learning.watch.sentAgain(now);
    return wake;
  }

  /**
   * Applies the due change: an idle warm endpoint goes cold, or is waking where a ping is not
   * answered; an unanswered wake is given up. One that has to be told to go cold does not change by
   * itself.
   */
  elapse(now: number): void {
    this.#learning.elapse(now);
    const at = this.changesAt;
    if (now < at) return;
    if (this.state !== 'warming' && this.spec.coldStart?.releasable) return;
    if (this.state === 'warm' && now < this.awaitedUntil) this.#enter('warming', now);
    else if (this.state === 'warm') this.becameCold(now, 'presumed', at);
    else this.wakeFailed(now);
  }

  /** The endpoint answers a request that is no call: its platform counts that as use. */
  keptUp(now: number): void {
    if (this.state !== 'warm') return;
    this.lastActiveAt = now;
    this.#usedAt = now;
  }

  /**
   * Handles a clock that jumps back: no recorded time is later than `now`, but for that of the wake,
   * by which a report names it.
   */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.lastServedAt = Math.min(this.lastServedAt, now);
    this.warmSince = Math.min(this.warmSince, now);
    this.#succeededAt = Math.min(this.#succeededAt, now);
    this.#provenAt = Math.min(this.#provenAt, now);
    this.#usedAt = Math.min(this.#usedAt, now);
    this.#usedBefore = Math.min(this.#usedBefore, now);
    this.#stateSince = Math.min(this.#stateSince, now);
    if (this.pausedAt !== undefined) this.pausedAt = Math.min(this.pausedAt, now);
    this.timeline.clockWentBack(now);
    this.#wokenAt = Math.min(this.#wokenAt, now);
    // The idle time before the calls in flight is not known any more.
    this.#first = undefined;
    this.trust.clockWentBack(now);
    this.#effectiveSlots.clockWentBack(now);
    this.#engineSlots.clockWentBack(now);
    this.#coldDoubts.clockWentBack(now);
    this.#release.clockWentBack(now);
    this.#learning.clockWentBack(now);
  }

  snapshot(): EndpointSnapshot {
    return {
      state: this.state,
      lastActiveAt: this.lastActiveAt,
      ...this.#learning.snapshot(),
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
    this.#learning.restore(from);
    this.refusesWhileCold = from.refusesWhileCold ?? false;
    this.wakeError = from.wakeError;
    this.releaseError = from.releaseError;
    this.lastActiveAt = from.lastActiveAt;
    this.lastServedAt = from.lastActiveAt;
    this.#usedAt = from.lastActiveAt;
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
    if (this.state === 'warm') this.#learning.watch.drop();
    if (this.state === 'cold' && from.released) this.#coldBy = 'told';
    this.#stateSince = from.lastActiveAt;
  }

  /** Time after which a wake without an answer is given up, ms: the last one, or the next. */
  get wakePatienceMs(): number {
    const { start } = this.#learning.watch;
    const isOpen = start !== undefined && start.endedAt === undefined;
    return isOpen ? start.patienceMs : this.#learning.patienceMs;
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

  /** Time since the platform last served something there, ms; undefined where that is not known. */
  #idleMs(now: number): number | undefined {
    return this.#isUseUnknown ? undefined : now - this.#usedAt;
  }

  get #isReleased(): boolean {
    return this.state === 'cold' && this.#coldBy === 'told' && !this.#release.isOut;
  }

  #enter(state: EndpointState, now: number, at = now): void {
    if (this.state !== state) {
      this.#stateSince = now;
      this.timeline.entered(state, this.inFlight > 0, at);
    }
    this.state = state;
  }

  #warmed(now: number): void {
    if (this.state === 'draining') return;
    if (this.state !== 'warm') {
      this.warmSince = now;
      this.#engineSlots.restarted();
      this.#effectiveSlots.told = Infinity;
      this.#servedInSlowStart = this.spec.coldStart?.slowStart ? 0 : undefined;
    }
    this.#enter('warm', now);
    this.#provenAt = now;
    this.lastActiveAt = now;
    this.#usedAt = now;
    this.#isUseUnknown = false;
    this.#coldClaim = undefined;
    this.#coldBy = 'told';
  }

  /** Learns how long the start took, or that the endpoint was up. */
  #learnFromWake(times: WakeTimes, now: number): void {
    const claim = this.#coldClaim;
    const { wasUp } = this.#learning.answered(times, now);
    if (!claim) return;
    if (wasUp) this.#coldDoubts.wasWrong(claim.key, now);
    else this.#coldDoubts.wasRight(claim.key);
  }

  #learnFromCall(result: CallResult, sentAt: number, now: number): void {
    if (!this.spec.coldStart) return;
    if (this.state !== 'warm') return this.#learning.heldCall(result, sentAt, now);
    const { at, idleMs } = this.#first ?? {};
    const isFirst = sentAt === at && this.#succeededAt < sentAt;
    this.#learning.servedCall(result, isFirst ? idleMs : undefined, now);
  }

  /** When the next slot is open, epoch ms; Infinity where only the end of a call frees one. */
  #nextSlotAt(now: number): number {
    if (this.free <= 0) return Infinity;
    if (this.#servedInSlowStart === undefined) return now;
    const { slots } = this.spec;
    const warmMs = now - this.warmSince;
    const open = openSlots(slots, warmMs, this.#servedInSlowStart);
    if (open >= slots) this.#servedInSlowStart = undefined;
    return this.slotsHeld < open ? now : this.warmSince + nextOpeningMs(warmMs);
  }
}
