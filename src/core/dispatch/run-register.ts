/**
 * The register of the runs in flight: begins them, ends them and has the models learn from them. A
 * run ends when its client says so, when a call that was marked as its last ends, or after a
 * silence that is long for its application (the published system ends every run after 5 s of
 * silence). The bookkeeping inside one run is in live-run.ts.
 */

import type { ApplicationModels } from '../learning/application-models.ts';
import { LONGEST_SILENCE_MS, type SilenceBounds } from '../learning/learned-silence.ts';
import { RecentMap } from '../learning/recent-map.ts';
import { OrderedQueue } from '../order/ordered-queue.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { Speeds } from '../runs/demand.ts';
import { type LiveCall, LiveRun } from '../runs/live-run.ts';
import type { Effect } from './dispatch-events.ts';
import { OpenRuns } from './open-runs.ts';

/** Silence after which a run ends while its client executes a unit itself, ms. */
const OWN_UNIT_SILENCE_MS = 900_000;
/** Child sessions remembered, and as many runs that ended by silence. */
const MAX_REMEMBERED = 1_000;
/**
 * Calls after which a run is split: a run that never ends, such as one under a run id that all
 * traffic shares, would cost ever more.
 */
const MAX_CALLS = 10_000;

export class RunRegister {
  readonly runs = new Map<string, LiveRun>();
  /** Ids of changed runs; the tenant's object empties it when it stores them in batches. */
  readonly changed = new Set<string>();
  readonly openRuns = new OpenRuns();
  silence: SilenceBounds = { assumedMs: OWN_UNIT_SILENCE_MS, leastMs: OWN_UNIT_SILENCE_MS };
  /**
   * Runs without waiting or running calls, by the time at which their silence ends them, epoch ms.
   */
  readonly #silent = new OrderedQueue<LiveRun>();
  /** Run id by the id of a child session, one that another session began. */
  readonly #rootOf = new RecentMap<string>(MAX_REMEMBERED);
  /** When each run that ended by silence was last active: if it continues, its pause is learned. */
  readonly #endedBySilence = new RecentMap<number>(MAX_REMEMBERED);
  readonly #models: ApplicationModels;
  readonly #speeds: Speeds;
  /** Effects of runs that ended because a new run took over their id or their place; the next step emits them. */
  #replaced: Effect[] = [];
  #seq = 0;

  constructor(models: ApplicationModels, speeds: Speeds) {
    this.#models = models;
    this.#speeds = speeds;
  }

  /** When the next run ends by silence, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#silent.peekKey();
  }

  /** The run in flight that a call belongs to. */
  find(request: CallRequest): LiveRun | undefined {
    return this.runs.get(this.#idOf(request));
  }

  /** The run in flight of this id, which may be that of a child session. */
  named(runId: string): LiveRun | undefined {
    return this.runs.get(this.#rootOf.get(runId) ?? runId);
  }

  /** True where the call or unit belongs to an open run, or its key may open one more. */
  hasRoom(run: LiveRun | undefined, keyId = ''): boolean {
    return run !== undefined || this.openRuns.hasRoom(keyId);
  }

  /** Adds a call to its run; the first call begins the run. */
  submit(request: CallRequest, now: number): LiveCall {
    const id = this.#idOf(request);
    if (id !== request.runId) this.#rootOf.set(request.runId, id);
    this.#endReplacedRun(id, request, now);
    const run = this.#runOf(id, request.app, request.arrivedAt, request.keyId);
    this.#silent.delete(run);
    this.openRuns.busy(run);
    this.#seq += 1;
    return run.submit(request, this.#seq, now);
  }

  /** To be called after a call of a run ended; returns the run's end if that was its last call. */
  settled(call: LiveCall, now: number): Effect | undefined {
    const { run } = call;
    this.changed.add(run.id);
    if (run.outstanding > 0) return undefined;
    // The client may send a failed last call again. For a call that is a run of its own, no later
    // call can be matched to the run.
    if (run.broken && call.request.final && !call.request.sole) run.final = false;
    if (run.final) return this.#finish(run, now);
    this.#awaitSilence(run);
    return undefined;
  }

  beginOwnUnit(runId: string, app: string, unit: string, now: number, keyId?: string): void {
    const id = this.#rootOf.get(runId) ?? runId;
    this.#cutLongRun(id);
    const run = this.#runOf(id, app, now, keyId);
    run.beginOwnUnit(unit, now);
    if (run.outstanding === 0) this.#awaitSilence(run);
  }

  endOwnUnit(runId: string, unit: string, now: number): void {
    const run = this.named(runId);
    if (!run?.endOwnUnit(unit, now)) return;
    this.changed.add(run.id);
    if (run.outstanding === 0) this.#awaitSilence(run);
  }

  /** Ends a run because its client says so, once its waiting and running calls have ended. */
  finish(runId: string, now: number): Effect | undefined {
    const run = this.runs.get(runId);
    if (!run) return undefined;
    run.final = true;
    return run.outstanding === 0 ? this.#finish(run, now) : undefined;
  }

  /** Ends the runs that have been silent for too long; also returns the ends of replaced runs. */
  endSilentRuns(now: number): Effect[] {
    const effects = this.#replaced;
    this.#replaced = [];
    while (this.#silent.peekKey() <= now) {
      const run = this.#silent.pop();
      if (!run) break;
      this.#endedBySilence.set(run.id, run.lastActiveAt);
      effects.push(this.#finish(run, now));
    }
    return effects;
  }

  /** Handles a clock that jumps back: no run was active later than now. */
  clockWentBack(now: number): void {
    for (const run of this.runs.values()) {
      run.clockWentBack(now);
      if (this.#silent.has(run)) this.#awaitSilence(run);
    }
  }

  restore(run: LiveRun): void {
    this.runs.set(run.id, run);
    this.openRuns.opened(run);
    this.#awaitSilence(run);
  }

  /** A child session belongs to the run of the session that began it. */
  #idOf({ runId, parentRunId }: CallRequest): string {
    if (parentRunId !== undefined) return this.#rootOf.get(parentRunId) ?? parentRunId;
    return this.#rootOf.get(runId) ?? runId;
  }

  /** Ends the run of this id if the call cannot be part of it; a new run then takes over the id. */
  #endReplacedRun(id: string, request: CallRequest, now: number): void {
    const run = this.#cutLongRun(id);
    if (!run) return;
    if (run.outstanding > 0 || !isNewConversation(run, request)) return;
    this.#replaced.push(this.#finish(run, now));
  }

  /**
   * Splits a run that has too many calls: the next call begins a new run, while calls that wait or
   * run stay with the old one. Returns the run of that id, split or not; undefined where there is
   * none.
   */
  #cutLongRun(id: string): LiveRun | undefined {
    const run = this.runs.get(id);
    if (!run || run.callCount < MAX_CALLS) return run;
    this.runs.delete(id);
    run.final = true;
    return run;
  }

  #runOf(id: string, app: string, arrivedAt: number, keyId = ''): LiveRun {
    let run = this.runs.get(id);
    if (!run) {
      this.#makeRoom(keyId, arrivedAt);
      run = new LiveRun(id, app, arrivedAt, keyId);
      this.runs.set(id, run);
      this.openRuns.opened(run);
      this.#learnPause(id, app, arrivedAt);
    }
    this.changed.add(id);
    return run;
  }

  /** Ends the idle runs that are beyond the bound of their key; what they teach is not all. */
  #makeRoom(keyId: string, now: number): void {
    for (let run = this.openRuns.toEnd(keyId); run; run = this.openRuns.toEnd(keyId)) {
      run.broken = true;
      this.#replaced.push(this.#finish(run, now));
    }
  }

  /** Learns the pause of a run that continues although its silence was taken for its end. */
  #learnPause(id: string, app: string, now: number): void {
    const lastActiveAt = this.#endedBySilence.get(id);
    if (lastActiveAt === undefined) return;
    this.#endedBySilence.delete(id);
    const pauseMs = now - lastActiveAt;
    if (pauseMs <= LONGEST_SILENCE_MS) this.#models.model(app)?.silence.observe(pauseMs);
  }

  #awaitSilence(run: LiveRun): void {
    const silenceMs = run.isInOwnUnit
      ? OWN_UNIT_SILENCE_MS
      : this.#models.silenceMs(run.app, this.silence);
    this.#silent.set(run, run.lastActiveAt + silenceMs, 0);
    this.openRuns.idle(run);
  }

  #finish(run: LiveRun, now: number): Effect {
    this.#silent.delete(run);
    this.openRuns.closed(run);
    if (this.runs.get(run.id) === run) {
      this.runs.delete(run.id);
      this.changed.delete(run.id);
    }
    const record = run.record();
    const learned = record !== undefined && !run.broken;
    if (learned) this.#models.learn(record, now, this.#speeds);
    return { type: 'run-finished', runId: run.id, ...(record ? { record } : {}), learned };
  }
}

/**
 * True where the call begins another conversation with the same beginning: its conversation is no
 * longer than the run's, and the call is neither a declared retry nor the repetition of a failed
 * call.
 */
function isNewConversation(run: LiveRun, { turn, retry, print }: CallRequest): boolean {
  if (turn === undefined || run.turn === undefined || turn > run.turn || retry) return false;
  return !run.visits.some((v) => print !== undefined && v.failedPrints.includes(print));
}
