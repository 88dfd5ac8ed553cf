/**
 * The scheduler's state machine: (state, events, now) -> effects. It admits calls in the policy's
 * order, takes back every slot exactly once, learns from finished runs and decides which endpoints
 * to wake. It has no clock, no randomness and no I/O: the tenant's object and the simulator drive
 * it.
 *
 * What each event changes is in applied-events.ts; which submitted calls are admitted in admission.ts;
 * calls after that in calls-in-flight.ts, their slots and leases, with their invariants, in leases.ts; what
 * waiting calls are told in told-waits.ts; the set of backends in backend-roster.ts.
 */
import { ApplicationArrivals } from '../arrivals/application-arrivals.ts';
import type { Backend } from '../backends/backend.ts';
import { BackendRoster } from '../backends/backend-roster.ts';
import { ApplicationModels } from '../learning/application-models.ts';
import type { Random } from '../learning/random.ts';
import type { Policy } from '../order/policy.ts';
import type { PrewarmAccounts } from '../prewarm/prewarm-accounts.ts';
import type { BackendOutlook } from '../prewarm/prewarm-outlook.ts';
import type { PrewarmRule } from '../prewarm/prewarm-rule.ts';
import { Prewarmer } from '../prewarm/prewarmer.ts';
import type { CallRequest } from '../runs/call-request.ts';
import { SERVICE_SPEED, type Speeds } from '../runs/demand.ts';
import type { Lease } from '../runs/lease.ts';
import type { LiveCall, LiveRun } from '../runs/live-run.ts';
import type { KeptPrefix } from '../runs/prefix.ts';
import type { IsLike } from '../waits/scene-builder.ts';
import { Admission } from './admission.ts';
import { AppliedEvents } from './applied-events.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import type { DispatchEvent, Effect } from './dispatch-events.ts';
import type { DispatcherConfig } from './dispatcher-config.ts';
import { EarlyRanks } from './early-ranks.ts';
import type { StoredLoan } from './loan-events.ts';
import { Loans } from './loans.ts';
import type { QueuePlace } from './queue-place.ts';
import type { QueueRank } from './queue-rank.ts';
import { Ranking } from './ranking.ts';
import { RunRegister } from './run-register.ts';
import { ToldWaits } from './told-waits.ts';

export interface DispatcherOptions {
  readonly random: Random;
  /** Replaces the configured policy: clairvoyant policies need what only a simulator knows. */
  readonly policy?: Policy;
  /** Replaces the rule of the configured theta, for comparisons. */
  readonly prewarmRule?: PrewarmRule;
  /** Leaves finished runs out of what told waits are drawn from, for measurements. */
  readonly isLike?: IsLike;
}

export class Dispatcher {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly appArrivals: ApplicationArrivals;
  readonly register: RunRegister;
  /** What was learned of the applications. */
  readonly models: ApplicationModels;
  /** Slots that isolates of the Worker have borrowed. */
  readonly loans: Loans;
  readonly #roster: BackendRoster;
  readonly #calls: CallsInFlight;
  readonly #prewarmer: Prewarmer;
  readonly #ranking: Ranking;
  readonly #told: ToldWaits;
  readonly #early: EarlyRanks;
  readonly #events: AppliedEvents;
  /** The time of the last step, epoch ms. */
  #now: number;

  constructor(config: DispatcherConfig, options: DispatcherOptions, now: number) {
    this.#now = now;
    const models = new ApplicationModels(options.random);
    this.models = models;
    this.appArrivals = new ApplicationArrivals(models);
    this.register = new RunRegister(models, this.speeds);
    this.#roster = new BackendRoster(() => this.#ranking.newQueue());
    this.backends = this.#roster.all;
    const { backends, appArrivals, speeds, register } = this;
    this.#ranking = new Ranking({ backends, models, speeds }, config, options.policy);
    const ranking = this.#ranking;
    this.#told = new ToldWaits(
      { backends, models, speeds, idleRuns: register.recentlyIdle, isLike: options.isLike },
      ranking,
    );
    this.#early = new EarlyRanks({ models, backends, register });
    const view = { backends, runs: register.runs, models, appArrivals, speeds };
    this.#prewarmer = new Prewarmer(view, options.prewarmRule);
    const [roster, prewarmer] = [this.#roster, this.#prewarmer];
    this.loans = new Loans(roster);
    const context = { roster, register, ranking, prewarmer, speeds, loans: this.loans };
    const calls = new CallsInFlight(context, config.leaseMs);
    this.#calls = calls;
    const { arrivals } = this.#told;
    const admission = new Admission({ backends, calls, register, arrivals });
    this.#events = new AppliedEvents({ ...context, early: this.#early, admission, calls });
    // Nothing waits yet and nothing is lent, so this has no effects.
    this.#events.configure(config, now, []);
  }

  /** Speed of each backend, in ms per token; the speed of a service for an unknown backend. */
  readonly speeds: Speeds = (name) => this.backends.get(name)?.speed.value ?? SERVICE_SPEED;

  /**
   * Applies events of one instant, then what is due by time (leases, waits, silent runs), then
   * grants the slots that are free. Returns the effects in the order in which they took place.
   */
  step(events: readonly DispatchEvent[], now: number): Effect[] {
    const effects = this.apply(events, now);
    const overdue = this.#elapse(now, effects);
    this.#early.rerank(effects);
    this.#prewarmer.reads.review(this.backends, now, effects);
    for (const backend of this.backends.values()) {
      this.#prewarmer.wakes.resume(backend, now, effects);
      const needsOther = this.#calls.dispatch(backend, now);
      if (backend.waiting > 0) {
        const expectedMs = (call: LiveCall) => this.#ranking.usualMs(call, backend);
        this.#prewarmer.wakes.wakeForDemand(backend, needsOther, expectedMs, now, effects);
      }
      if (!this.isReading) this.#prewarmer.checks.releaseIdle(backend, now, effects);
    }
    // After the grants: a call that gets a slot in this very step is served although it is overdue.
    for (const call of overdue) if (!call.lease) this.#calls.giveUp(call, now);
    if (!this.isReading) this.#prewarmer.check(now, effects);
    if (this.loans.size > 0) this.loans.review(now, effects);
    return effects;
  }

  /** Applies events of an instant of which more follow: all else waits for their `step`. */
  apply(events: readonly DispatchEvent[], now: number): Effect[] {
    const effects: Effect[] = [];
    this.#calls.effects = effects;
    if (now < this.#now) this.#clockWentBack(now);
    this.#now = now;
    this.accounts.elapse(now);
    for (const event of events) this.#events.apply(event, now, effects);
    return effects;
  }

  /** When `step` must be called even if no event comes, epoch ms; Infinity for never. */
  dueAt(now: number): number {
    // Each part that is read is a step, and only what was learned tells when the rest is due.
    const heldUntil = Math.min(this.#calls.dueAt, this.loans.dueAt);
    if (this.isReading) return heldUntil;
    let due = Math.min(heldUntil, this.register.dueAt, this.#prewarmer.schedule.dueAt);
    due = Math.min(due, this.#prewarmer.reads.dueAt(now));
    for (const backend of this.backends.values()) due = Math.min(due, backend.dueAt(now));
    return due;
  }

  /**
   * True until the runs that were stored before a restart are read (`runs-read`). Until then calls are
   * admitted, granted and ended as ever, but no run ends by its silence, nothing is woken by forecast
   * and nothing is released.
   */
  get isReading(): boolean {
    return this.models.isReading;
  }

  /** Costs and benefits of prewarming. */
  get accounts(): PrewarmAccounts {
    return this.#prewarmer.wakes.accounts;
  }

  /** The prefixes whose text is kept, of all backends. */
  get keptPrefixes(): Iterable<KeptPrefix> {
    return this.#prewarmer.reads.kept.all;
  }

  /** The prewarming decision for each backend at this time, and its reasons. */
  prewarmOutlook(now: number): BackendOutlook[] {
    return this.#prewarmer.queries.outlook(now);
  }

  /**
   * P(a call needs the backend within `withinMs`), for a backend without waiting or running calls.
   */
  needProbability(backend: string, withinMs: number, now: number): number | undefined {
    return this.#prewarmer.queries.needProbability(backend, withinMs, now);
  }

  call(callId: string): LiveCall | undefined {
    return this.#calls.get(callId);
  }

  /** Calls that run on slots of a loan, as far as they are known; of one that is over, too. */
  *callsOnLoan(loanId: string): Iterable<LiveCall> {
    for (const backend of this.backends.values()) {
      for (const call of backend.runningCalls()) if (call.lease?.loanId === loanId) yield call;
    }
  }

  /** A waiting call's rank and overtaking bound; undefined where it does not wait. */
  queueRank(call: LiveCall): QueueRank | undefined {
    return this.#told.queueRank(call, this.#now);
  }

  /**
   * Place and expected wait of a waiting call, which is told; undefined where it does not wait. What
   * it is told is compared with its wait.
   */
  place(call: LiveCall, now: number): QueuePlace | undefined {
    return this.#told.place(call, now);
  }

  /** The same for one who only looks. */
  placeSeen(call: LiveCall, now: number): QueuePlace | undefined {
    return this.#told.placeSeen(call, now);
  }

  /**
   * Restores the stored runs in flight, leases and loans; must be called before anything is submitted.
   * `hasUnread`: finished runs are stored as well, and come as `runs-read`.
   */
  restore(
    runs: Iterable<LiveRun>,
    leases: Iterable<{ request: CallRequest; lease: Lease }>,
    { hasUnread = false, loans = [] }: { hasUnread?: boolean; loans?: Iterable<StoredLoan> } = {},
  ): void {
    if (hasUnread) this.models.beginReading(this.backends.keys(), this.speeds);
    for (const run of runs) this.register.restore(run);
    for (const { request, lease } of leases) this.#calls.restore(request, lease, this.#now);
    for (const loan of loans) this.loans.restore(loan, this.#now);
    // Stored times may lie ahead of this machine's clock.
    this.#clockWentBack(this.#now);
    this.#prewarmer.schedule.soon(this.#now);
  }

  /**
   * Handles a clock that jumps back: timers do not fire late by the size of the jump, and no age
   * becomes negative.
   */
  #clockWentBack(now: number): void {
    this.#calls.clockWentBack(now);
    this.loans.clockWentBack(now);
    for (const backend of this.backends.values()) backend.clockWentBack(now);
    this.register.clockWentBack(now);
    this.#prewarmer.clockWentBack(now);
  }

  /** Applies what is due by time alone; returns the calls whose longest wait is over. */
  #elapse(now: number, effects: Effect[]): LiveCall[] {
    this.#prewarmer.changes.elapse(now, effects);
    const overdue = this.#calls.expire(now);
    // How long a run may be silent is yet to be read.
    if (this.isReading) return overdue;
    for (const effect of this.register.endSilentRuns(now)) effects.push(effect);
    return overdue;
  }
}
