/**
 * The runs in flight: which there are, when one has ended, and what is learned of it then. A run
 * ends when its client says so, when its last call was marked as such, or by silence that is long
 * for its application (the published system ends every run after 5 s of silence).
 */

import type { Speeds } from './demand.ts';
import type { Effect } from './dispatch-events.ts';
import type { Knowledge } from './knowledge.ts';
import { type CallRequest, type LiveCall, LiveRun } from './live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';

/** A client that runs a unit itself may be silent for so long, ms. */
const OWN_UNIT_SILENCE_MS = 900_000;

export class RunRegister {
  readonly runs = new Map<string, LiveRun>();
  /** Runs whose progress changed since this was last emptied: the shell writes them in batches. */
  readonly changed = new Set<string>();
  /** Runs that hold nothing, by the time at which their silence means that they have ended. */
  readonly #silent = new OrderedQueue<LiveRun>();
  readonly #knowledge: Knowledge;
  readonly #speeds: Speeds;
  #seq = 0;

  constructor(knowledge: Knowledge, speeds: Speeds) {
    this.#knowledge = knowledge;
    this.#speeds = speeds;
  }

  get dueAt(): number {
    return this.#silent.peekKey();
  }

  /** Adds a call to its run, which begins with it where it is the first. */
  submit(request: CallRequest, now: number, metCold: boolean): LiveCall {
    const run = this.#runOf(request.runId, request.app, request.arrivedAt);
    this.#silent.delete(run);
    this.#seq += 1;
    return run.submit(request, this.#seq, now, metCold);
  }

  /** After a call of the run ended: it may have been the last. */
  settled(run: LiveRun, silenceMs: number, now: number): Effect | undefined {
    this.changed.add(run.id);
    if (run.outstanding > 0) return undefined;
    if (run.final) return this.#finish(run, now);
    this.#awaitSilence(run, silenceMs);
    return undefined;
  }

  beginOwnUnit(runId: string, app: string, unit: string, silenceMs: number, now: number): void {
    const run = this.#runOf(runId, app, now);
    run.beginOwnUnit(unit, now);
    if (run.outstanding === 0) this.#awaitSilence(run, silenceMs);
  }

  endOwnUnit(runId: string, unit: string, silenceMs: number, now: number): void {
    const run = this.runs.get(runId);
    if (!run?.endOwnUnit(unit, now)) return;
    this.changed.add(runId);
    if (run.outstanding === 0) this.#awaitSilence(run, silenceMs);
  }

  /** The client says that the run is over; calls that still wait or run are let end. */
  finish(runId: string, now: number): Effect | undefined {
    const run = this.runs.get(runId);
    if (!run) return undefined;
    run.final = true;
    return run.outstanding === 0 ? this.#finish(run, now) : undefined;
  }

  /** Ends the runs that have been silent for too long. */
  pass(now: number): Effect[] {
    const effects: Effect[] = [];
    while (this.#silent.peekKey() <= now) {
      const run = this.#silent.pop();
      if (run) effects.push(this.#finish(run, now));
    }
    return effects;
  }

  restore(run: LiveRun, silenceMs: number): void {
    this.runs.set(run.id, run);
    this.#awaitSilence(run, silenceMs);
  }

  #runOf(id: string, app: string, arrivedAt: number): LiveRun {
    let run = this.runs.get(id);
    if (!run) {
      run = new LiveRun(id, app, arrivedAt);
      this.runs.set(id, run);
    }
    this.changed.add(id);
    return run;
  }

  #awaitSilence(run: LiveRun, leastMs: number): void {
    const silenceMs = run.isInOwnUnit
      ? OWN_UNIT_SILENCE_MS
      : this.#knowledge.silenceMs(run.app, leastMs);
    this.#silent.set(run, run.lastActiveAt + silenceMs, 0);
  }

  #finish(run: LiveRun, now: number): Effect {
    this.runs.delete(run.id);
    this.#silent.delete(run);
    this.changed.delete(run.id);
    const record = run.record();
    const learned = record !== undefined && !run.broken;
    if (learned) this.#knowledge.learn(record, now, this.#speeds);
    return { type: 'run-finished', runId: run.id, ...(record ? { record } : {}), learned };
  }
}
