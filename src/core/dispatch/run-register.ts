/**
 * The runs in flight: which there are, when one has ended, and what is learned of it then. A run
 * ends when its client says so, when its last call was marked as such, or by silence that is long
 * for its application (the published system ends every run after 5 s of silence).
 */

import type { ApplicationModels } from '../learning/application-models.ts';
import { LONGEST_SILENCE_MS, type SilenceBounds } from '../learning/learned-silence.ts';
import { RecentMap } from '../learning/recent-map.ts';
import { OrderedQueue } from '../order/ordered-queue.ts';
import type { CallRequest } from '../runs/call-request.ts';
import type { Speeds } from '../runs/demand.ts';
import { type LiveCall, LiveRun } from '../runs/live-run.ts';
import type { Effect } from './dispatch-events.ts';

/** A client that runs a unit itself may be silent for so long, ms. */
const OWN_UNIT_SILENCE_MS = 900_000;
/** Sessions that belong to another's run, and runs that silence has ended. */
const MAX_REMEMBERED = 1_000;
/** A run without end, as of a name that all traffic shares, is cut: it would cost ever more. */
const MAX_CALLS = 10_000;

export class RunRegister {
  readonly runs = new Map<string, LiveRun>();
  /** Runs whose progress changed since this was last emptied: the shell writes them in batches. */
  readonly changed = new Set<string>();
  silence: SilenceBounds = { assumedMs: OWN_UNIT_SILENCE_MS, leastMs: OWN_UNIT_SILENCE_MS };
  /** Runs that hold nothing, by the time at which their silence means that they have ended. */
  readonly #silent = new OrderedQueue<LiveRun>();
  /** The run of a session that another session began. */
  readonly #rootOf = new RecentMap<string>(MAX_REMEMBERED);
  /** When runs that silence has ended were last active: one that goes on shows how long it paused. */
  readonly #ended = new RecentMap<number>(MAX_REMEMBERED);
  readonly #models: ApplicationModels;
  readonly #speeds: Speeds;
  /** Runs that ended because another began in their place. */
  #replaced: Effect[] = [];
  #seq = 0;

  constructor(models: ApplicationModels, speeds: Speeds) {
    this.#models = models;
    this.#speeds = speeds;
  }

  get dueAt(): number {
    return this.#silent.peekKey();
  }

  /** The run in flight that a call belongs to. */
  find(request: CallRequest): LiveRun | undefined {
    return this.runs.get(this.#idOf(request));
  }

  /** Adds a call to its run, which begins with it where it is the first. */
  submit(request: CallRequest, now: number): LiveCall {
    const id = this.#idOf(request);
    if (id !== request.runId) this.#rootOf.set(request.runId, id);
    this.#endReplacedRun(id, request, now);
    const run = this.#runOf(id, request.app, request.arrivedAt);
    this.#silent.delete(run);
    this.#seq += 1;
    return run.submit(request, this.#seq, now);
  }

  /** After a call of the run ended: it may have been the last. */
  settled(call: LiveCall, now: number): Effect | undefined {
    const { run } = call;
    this.changed.add(run.id);
    if (run.outstanding > 0) return undefined;
    // A last call that failed may be sent again; of a call on its own nobody could know.
    if (run.broken && call.request.final && !call.request.sole) run.final = false;
    if (run.final) return this.#finish(run, now);
    this.#awaitSilence(run);
    return undefined;
  }

  beginOwnUnit(runId: string, app: string, unit: string, now: number): void {
    const id = this.#rootOf.get(runId) ?? runId;
    this.#cutLongRun(id);
    const run = this.#runOf(id, app, now);
    run.beginOwnUnit(unit, now);
    if (run.outstanding === 0) this.#awaitSilence(run);
  }

  endOwnUnit(runId: string, unit: string, now: number): void {
    const run = this.runs.get(this.#rootOf.get(runId) ?? runId);
    if (!run?.endOwnUnit(unit, now)) return;
    this.changed.add(run.id);
    if (run.outstanding === 0) this.#awaitSilence(run);
  }

  /** The client says that the run is over; calls that still wait or run are let end. */
  finish(runId: string, now: number): Effect | undefined {
    const run = this.runs.get(runId);
    if (!run) return undefined;
    run.final = true;
    return run.outstanding === 0 ? this.#finish(run, now) : undefined;
  }

  /** Ends the runs that have been silent for too long. */
  endSilentRuns(now: number): Effect[] {
    const effects = this.#replaced;
    this.#replaced = [];
    while (this.#silent.peekKey() <= now) {
      const run = this.#silent.pop();
      if (!run) break;
      this.#ended.set(run.id, run.lastActiveAt);
      effects.push(this.#finish(run, now));
    }
    return effects;
  }

  /** The clock went back: no run was active later than now. */
  clockWentBack(now: number): void {
    for (const run of this.runs.values()) {
      run.clockWentBack(now);
      if (this.#silent.has(run)) this.#awaitSilence(run);
    }
  }

  restore(run: LiveRun): void {
    this.runs.set(run.id, run);
    this.#awaitSilence(run);
  }

  #idOf({ runId, parentRunId }: CallRequest): string {
    if (parentRunId !== undefined) return this.#rootOf.get(parentRunId) ?? parentRunId;
    return this.#rootOf.get(runId) ?? runId;
  }

  /** A run that this call cannot be a part of gives way to another of the same name. */
  #endReplacedRun(id: string, request: CallRequest, now: number): void {
    const run = this.#cutLongRun(id);
    if (!run) return;
    if (run.outstanding > 0 || !isNewConversation(run, request)) return;
    this.#replaced.push(this.#finish(run, now));
  }

  /** Of a run without end a new one begins; what still waits or runs of it is a part of the old one. */
  #cutLongRun(id: string): LiveRun | undefined {
    const run = this.runs.get(id);
    if (!run || run.callCount < MAX_CALLS) return run;
    this.runs.delete(id);
    run.final = true;
    return run;
  }

  #runOf(id: string, app: string, arrivedAt: number): LiveRun {
    let run = this.runs.get(id);
    if (!run) {
      run = new LiveRun(id, app, arrivedAt);
      this.runs.set(id, run);
      this.#learnPause(id, app, arrivedAt);
    }
    this.changed.add(id);
    return run;
  }

  /** A run whose silence was taken for its end goes on: its application pauses so long. */
  #learnPause(id: string, app: string, now: number): void {
    const lastActiveAt = this.#ended.get(id);
    if (lastActiveAt === undefined) return;
    this.#ended.delete(id);
    const pauseMs = now - lastActiveAt;
    if (pauseMs <= LONGEST_SILENCE_MS) this.#models.model(app)?.silence.observe(pauseMs);
  }

  #awaitSilence(run: LiveRun): void {
    const silenceMs = run.isInOwnUnit
      ? OWN_UNIT_SILENCE_MS
      : this.#models.silenceMs(run.app, this.silence);
    this.#silent.set(run, run.lastActiveAt + silenceMs, 0);
  }

  #finish(run: LiveRun, now: number): Effect {
    this.#silent.delete(run);
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

/** A conversation that is no longer than before is another one with the same beginning. */
function isNewConversation(run: LiveRun, { turn, retry, print }: CallRequest): boolean {
  if (turn === undefined || run.turn === undefined || turn > run.turn || retry) return false;
  return !run.visits.some((v) => print !== undefined && v.failedPrints.includes(print));
}
