/**
 * The register of the runs in flight: begins them, ends them and has the models learn from them. A
 * run ends when its client says so, when a call that was marked as its last ends, or after a
 * silence that is long for its application (the published system ends every run after 5 s of
 * silence). The bookkeeping inside one run is in live-run.ts.
 */

import type { ApplicationModels } from '../learning/application-models.ts';
import type { SilenceBounds } from '../learning/learned-silence.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { CallResult } from '../runs/call-result.ts';
import type { Speeds } from '../runs/demand.ts';
import { type LiveCall, LiveRun } from '../runs/live-run.ts';
import type { Effect } from './dispatch-events.ts';
import { OpenRuns } from './open-runs.ts';
import { RunNames } from './run-names.ts';
import { SilentRuns } from './silent-runs.ts';

/**
 * Calls after which a run is split: a run that never ends, such as one under a run id that all
 * traffic shares, would cost ever more.
 */
const MAX_CALLS = 10_000;
/** Runs that are remembered once their calls have ended. */
const MAX_RECENTLY_IDLE = 64;

/** The call or the client's own unit that opens a run. */
type Opener = Pick<CallRequest, 'app'> &
  Partial<Pick<CallRequest, 'runId' | 'turn' | 'guessedApp' | 'labels'>> & {
    readonly at: number;
    readonly keyId?: string | undefined;
  };

export class RunRegister {
  readonly runs = new Map<string, LiveRun>();
  /** Ids of changed runs; the tenant's object empties it when it stores them in batches. */
  readonly changed = new Set<string>();
  readonly openRuns = new OpenRuns();
  readonly #silent: SilentRuns;
  readonly #names = new RunNames(this.runs);
  readonly #models: ApplicationModels;
  readonly #speeds: Speeds;
  /** Runs without a call in flight, the last ones that were left; some have ended. */
  readonly recentlyIdle: LiveRun[] = [];
  #idleAt = 0;
  /** Effects of runs that ended because a new run took their place; the next step emits them. */
  #replaced: Effect[] = [];
  #seq = 0;

  constructor(models: ApplicationModels, speeds: Speeds) {
    this.#models = models;
    this.#silent = new SilentRuns(models);
    this.#speeds = speeds;
  }

  /** The silence after which a run ends where nothing was learned of it, and the least. */
  get silence(): SilenceBounds {
    return this.#silent.bounds;
  }

  set silence(bounds: SilenceBounds) {
    this.#silent.bounds = bounds;
  }

  /** When the next run ends by silence, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#silent.dueAt;
  }

  /** The run in flight that a call belongs to. */
  find(request: CallRequest): LiveRun | undefined {
    return this.runs.get(this.#names.idOf(request));
  }

  /** The run in flight of this id, which may be that of a child session. */
  named(runId: string): LiveRun | undefined {
    return this.runs.get(this.#names.rootOf(runId));
  }

  /** True where the call or unit belongs to an open run, or its key may open one more. */
  hasRoom(run: LiveRun | undefined, keyId = ''): boolean {
    return run !== undefined || this.openRuns.hasRoom(keyId);
  }

  /** Adds a call to its run; the first call begins the run. */
  submit(request: CallRequest, now: number): LiveCall {
    const id = this.#names.idOf(request);
    this.#names.placed(request, id);
    this.#cutLongRun(id);
    const run = this.#runOf(id, { ...request, at: request.arrivedAt });
    if (!this.#names.isSubAgent(run, request)) nameByMainLoop(run, request);
    this.#silent.delete(run);
    this.openRuns.busy(run);
    this.#seq += 1;
    return run.submit(this.#names.withRun(request, run), this.#seq, now);
  }

  /** A call was answered; what its answer handed out tells later calls of its run. */
  answered(call: LiveCall, result: CallResult): void {
    this.#names.answered(call, result);
  }

  /** To be called after a call of a run ended; returns the run's end if that was its last call. */
  settled(call: LiveCall, now: number): Effect | undefined {
    const { run } = call;
    this.changed.add(run.id);
    if (run.broken) this.#names.failed(call.request);
    if (run.outstanding > 0) return undefined;
    // The client may send a failed last call again. For a call that is a run of its own, no later
    // call can be matched to the run.
    if (run.broken && call.request.final && !call.request.sole) run.final = false;
    if (run.final) return this.#finish(run, now);
    this.#awaitSilence(run);
    this.recentlyIdle[this.#idleAt] = run;
    this.#idleAt = (this.#idleAt + 1) % MAX_RECENTLY_IDLE;
    return undefined;
  }

  beginOwnUnit(runId: string, app: string, unit: string, now: number, keyId?: string): void {
    const id = this.#names.rootOf(runId);
    this.#cutLongRun(id);
    const run = this.#runOf(id, { app, at: now, keyId });
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
    for (let run = this.#silent.takeEnded(now); run; run = this.#silent.takeEnded(now)) {
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

  /** Stored runs were learned: they tell how long those in flight may be silent. */
  learned(): void {
    for (const run of this.runs.values()) if (this.#silent.has(run)) this.#silent.add(run);
  }

  restore(run: LiveRun): void {
    this.runs.set(run.id, run);
    this.#names.restored(run);
    this.openRuns.opened(run);
    this.#awaitSilence(run);
  }

  /**
   * Splits a run that has too many calls: the next call begins a new run, while calls that wait or
   * run stay with the old one.
   */
  #cutLongRun(id: string): void {
    const run = this.runs.get(id);
    if (!run || run.callCount < MAX_CALLS) return;
    this.runs.delete(id);
    this.#names.closed(run);
    run.final = true;
  }

  #runOf(id: string, opener: Opener): LiveRun {
    let run = this.runs.get(id);
    if (!run) {
      const { app, at, keyId = '' } = opener;
      this.#makeRoom(keyId, at);
      run = new LiveRun(id, app, at, keyId);
      run.guessedApp = opener.guessedApp;
      run.label = opener.labels?.app;
      if (opener.turn !== undefined) run.conversation = opener.runId;
      this.runs.set(id, run);
      this.#names.opened(run);
      this.openRuns.opened(run);
      this.#silent.begun(id, opener);
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

  #awaitSilence(run: LiveRun): void {
    this.#silent.add(run);
    this.openRuns.idle(run);
  }

  #finish(run: LiveRun, now: number): Effect {
    this.#silent.delete(run);
    this.openRuns.closed(run);
    this.#names.closed(run);
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

/** An application without a name is known by an agent's main loop, whichever of its calls is first. */
function nameByMainLoop(run: LiveRun, { app, guessedApp, keyId = '', labels }: CallRequest): void {
  if (run.guessedApp !== 'side' || guessedApp !== 'main' || run.keyId !== keyId) return;
  run.app = app;
  run.guessedApp = guessedApp;
  run.label = labels?.app;
}
