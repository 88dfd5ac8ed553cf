/**
 * One endpoint of a backend: its state, and when that changes. What calls show of it is in
 * endpoint-evidence.ts, how wakes go in endpoint-wakes.ts, how it is told to go cold in release-state.ts;
 * its slots are in endpoint-slots.ts, when it was used in endpoint-use.ts, its specification in
 * endpoint-state.ts, what is stored of it in endpoint-snapshot.ts; the choice between the endpoints of a
 * backend is in endpoint-choice.ts.
 *
 * An endpoint that scales to zero is cold, warming or warm; any endpoint is draining once the
 * configuration no longer names it.
 */
import { EndpointEvidence } from './endpoint-evidence.ts';
import { EndpointLearning } from './endpoint-learning.ts';
import { EndpointSlots } from './endpoint-slots.ts';
import type { EndpointSpec, EndpointState, Wake } from './endpoint-state.ts';
import { EndpointTimeline } from './endpoint-timeline.ts';
import { EndpointTrust } from './endpoint-trust.ts';
import { EndpointUse } from './endpoint-use.ts';
import { EndpointWakes } from './endpoint-wakes.ts';
import { ReleaseState } from './release-state.ts';
import type { WokenFrom } from './start-watch.ts';

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
  readonly trust = new EndpointTrust();
  readonly timeline: EndpointTimeline;
  /** Since when it takes no calls and no wakes, by hand, epoch ms; undefined: it is not paused. */
  pausedAt: number | undefined;
  /** True where it was told by hand to go cold: only a call or a hand wakes it. */
  letGo = false;
  /** Whether it is being told to go cold, and when it may be. */
  readonly release = new ReleaseState(this);
  /** What was learned of its starts, and of how long it stays warm. */
  readonly learning = new EndpointLearning(() => this.spec.coldStart);
  /** How its wakes go. */
  readonly wakes: EndpointWakes;
  /** What the ends of calls show of it. */
  readonly evidence: EndpointEvidence;
  /** When it was used, and what was proved by that. */
  readonly use: EndpointUse;
  /** By what it counts as cold; `unknown` also where it counts as warm without any proof since. */
  coldBy: WokenFrom = 'unknown';
  /** Since when it has its state, epoch ms. */
  stateSince: number;

  constructor(spec: EndpointSpec, now: number) {
    this.spec = spec;
    this.state = spec.coldStart ? 'cold' : 'warm';
    this.timeline = new EndpointTimeline(this.state, now);
    this.lastActiveAt = now;
    this.lastServedAt = now;
    this.warmSince = now;
    this.use = new EndpointUse(now);
    this.wakes = new EndpointWakes(this, this.use);
    this.evidence = new EndpointEvidence(this, this.use);
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
      this.use.began(this.state === 'warm', now);
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
      this.use.began(this.state === 'warm', now);
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
    this.use.ended(now);
    this.trust.over(key, sentAt);
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
    if (this.state === 'cold') return this.coldBy !== 'told' || this.release.isOut;
    return this.state === 'warm' && this.coldBy === 'unknown';
  }

  /** Since when the endpoint answers, or is expected to, epoch ms; Infinity where it is cold. */
  get readyAt(): number {
    if (this.state === 'warm') return this.warmSince;
    return this.state === 'warming' ? this.wakes.begunAt + this.coldStartMs : Infinity;
  }

  /** Expected time that a call sent now waits for the platform to bring the endpoint up, ms. */
  coldWaitMs(now: number): number {
    if (this.state === 'cold') return this.coldStartMs;
    return this.state === 'warming' ? Math.max(0, this.readyAt - now) : 0;
  }

  /**
   * The endpoint is cold; ignored where it drains or cannot go cold. `by`: how that is known; `told`:
   * for certain. `at`: when it went cold, where that was before `now`.
   */
  becameCold(now = this.lastActiveAt, by: WokenFrom = 'told', at = now): void {
    if (this.state === 'draining' || !this.spec.coldStart) return;
    this.enter('cold', now, at);
    this.coldBy = by;
    if (by === 'told') this.learning.watch.drop();
  }

  /** When the state changes by time alone, epoch ms; Infinity where it does not. */
  get changesAt(): number {
    if (!this.spec.coldStart) return Infinity;
    if (this.state === 'warming') return this.wakes.begunAt + this.learning.wakePatienceMs;
    if (this.spec.coldStart.releasable) return this.release.dueAt;
    if (this.state === 'warm' && this.slots.held === 0) {
      return this.lastActiveAt + this.idleTimeoutMs;
    }
    return Infinity;
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
    if (this.state === 'warm' && now < this.learning.awaitedUntil) this.enter('warming', now);
    else if (this.state === 'warm') this.becameCold(now, 'presumed', at);
    else this.wakes.failed(now);
  }

  /** The endpoint answers a request that is no call: its platform counts that as use. */
  keptUp(now: number): void {
    if (this.state !== 'warm') return;
    this.lastActiveAt = now;
    this.use.used(now);
  }

  /**
   * Handles a clock that jumps back: no recorded time is later than `now`, but for that of the wake,
   * by which a report names it.
   */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.lastServedAt = Math.min(this.lastServedAt, now);
    this.warmSince = Math.min(this.warmSince, now);
    this.use.clockWentBack(now);
    this.stateSince = Math.min(this.stateSince, now);
    if (this.pausedAt !== undefined) this.pausedAt = Math.min(this.pausedAt, now);
    this.timeline.clockWentBack(now);
    this.wakes.clockWentBack(now);
    this.trust.clockWentBack(now);
    this.slots.clockWentBack(now);
    this.release.clockWentBack(now);
    this.learning.clockWentBack(now);
  }

  /** The state is another from now on, or from `at` on, as far as its timeline is concerned. */
  enter(state: EndpointState, now: number, at = now): void {
    if (this.state !== state) {
      this.stateSince = now;
      this.timeline.entered(state, this.slots.inFlight > 0, at);
    }
    this.state = state;
  }

  /** It is up although it was told to go cold. */
  stayedUp(now: number): void {
    if (this.state !== 'cold') return;
    this.enter('warm', now);
    this.warmSince = now;
    this.coldBy = 'unknown';
  }

  /** A call or a wake proved it up. */
  provedWarm(now: number): void {
    if (this.state === 'draining') return;
    if (this.state !== 'warm') {
      this.warmSince = now;
      this.slots.restarted(this.spec.coldStart?.slowStart ?? false);
    }
    this.enter('warm', now);
    this.lastActiveAt = now;
    this.use.proven(now);
    this.coldBy = 'told';
  }
}
