/**
 * A run in flight and its calls that wait or run. Bookkeeping only: decisions are made in dispatch/.
 * The units that it visited are in run-visits.ts, the set of runs in dispatch/run-register.ts, a
 * finished run in recorded-run.ts.
 */

import { AwaitedTools } from './awaited-tools.ts';
import type { CallRequest } from './call-request.ts';
import { type CallState, submittedCall } from './call-state.ts';
import { type Demand, type Speeds, workMs } from './demand.ts';
import { type LiveVisit, type RunSnapshot, type RunWrite, recordedVisits } from './live-visit.ts';
import { Multiset } from './multiset.ts';
import type { CallRecord, RecordedRun } from './recorded-run.ts';
import { RunVisits } from './run-visits.ts';
import { storedVisit, wholeVisits } from './visit-log.ts';
import type { VisitState } from './visit-state.ts';

/** A call in flight, with its run. */
export interface LiveCall extends CallState {
  readonly run: LiveRun;
}

export class LiveRun {
  readonly id: string;
  /** May change once: from the name of a call beside an agent's main loop to that of the loop. */
  app: string;
  /** What people read beside the application's name, where that is a fingerprint. */
  label: string | undefined;
  /** Of which kind of call the application's name is the fingerprint; undefined for a given name. */
  guessedApp: CallRequest['guessedApp'];
  /** API key that opened the run; empty in a simulation. */
  readonly keyId: string;
  readonly arrivedAt: number;
  deadlineAt: number | undefined;
  lastActiveAt: number;
  /** Calls that wait or run. */
  outstanding = 0;
  /** No further call is expected: the client said so, or the run was split. */
  final = false;
  /** The call that ended last failed or was cancelled: the record is not the run's whole demand. */
  broken = false;
  /** Calls submitted so far, client units included. */
  callCount = 0;
  /** Messages of its conversation so far; undefined where no conversation identifies the run. */
  turn: number | undefined;
  /** The same, of ended calls only: after a restart the others are submitted again. */
  #endedTurn: number | undefined;
  /** The name of its conversation's beginning, which other runs may share; its id begins with it. */
  conversation: string | undefined;
  awaited = new AwaitedTools();
  readonly #visits = new RunVisits();
  /** Units and fingerprints of the calls that wait or run. */
  readonly #busyUnits = new Multiset();
  readonly #busyPrints = new Multiset();

  constructor(id: string, app: string, arrivedAt: number, keyId = '') {
    this.id = id;
    this.app = app;
    this.keyId = keyId;
    this.arrivedAt = arrivedAt;
    this.lastActiveAt = arrivedAt;
  }

  static restore(from: RunSnapshot): LiveRun {
    const run = new LiveRun(from.id, from.app, from.arrivedAt, from.keyId);
    const whole = wholeVisits(from);
    run.deadlineAt = from.deadlineAt;
    run.lastActiveAt = from.lastActiveAt;
    run.broken = from.broken;
    run.final = from.final ?? false;
    run.turn = from.turn;
    run.#endedTurn = from.turn;
    run.conversation = from.conversation;
    run.awaited = new AwaitedTools(from.awaited);
    run.guessedApp = from.guessedApp;
    run.label = from.label;
    run.callCount = from.callCount ?? whole.reduce((n, v) => n + v.fanOut, 0);
    run.#visits.restore(whole);
    run.#visits.log.restore(run.visits, from.visits, from.parts ?? []);
    return run;
  }

  /** The units that it visited, in the order in which the visits began. */
  get visits(): readonly LiveVisit[] {
    return this.#visits.all;
  }

  /** The whole run. */
  snapshot(): RunSnapshot {
    return { ...this.#fields(), visits: this.visits.map((v) => storedVisit(v)) };
  }

  /** What of the run is to be stored now; `written` follows once it is. */
  unwritten(): RunWrite {
    const { head, parts, firstPart } = this.#visits.log.unwritten();
    return { head: { ...this.#fields(), visits: head }, parts, firstPart };
  }

  written({ parts }: RunWrite): void {
    this.#visits.log.written(parts.length);
  }

  #fields(): Omit<RunSnapshot, 'visits'> {
    return {
      id: this.id,
      app: this.app,
      ...(this.keyId === '' ? {} : { keyId: this.keyId }),
      arrivedAt: this.arrivedAt,
      ...(this.deadlineAt === undefined ? {} : { deadlineAt: this.deadlineAt }),
      lastActiveAt: this.lastActiveAt,
      broken: this.broken,
      ...(this.final ? { final: true } : {}),
      ...(this.#endedTurn === undefined ? {} : { turn: this.#endedTurn }),
      callCount: this.callCount,
      ...(this.conversation === undefined ? {} : { conversation: this.conversation }),
      ...(this.awaited.size === 0 ? {} : { awaited: this.awaited.list() }),
      ...(this.guessedApp === undefined ? {} : { guessedApp: this.guessedApp }),
      ...(this.label === undefined ? {} : { label: this.label }),
    };
  }

  /** Handles a clock that jumps back: no time of the run lies in the future. */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    this.#visits.clockWentBack(now);
  }

  /**
   * Adds a call: to the visit that it repeats, to the open visit of its unit, or as the next visit.
   */
  submit(request: CallRequest, seq: number, now: number): LiveCall {
    const visit = this.#visits.submit(request, now);
    this.outstanding += 1;
    this.callCount += 1;
    this.lastActiveAt = Math.max(this.lastActiveAt, now);
    if (request.deadlineAt !== undefined) this.deadlineAt = request.deadlineAt;
    if (request.final) this.final = true;
    if (request.turn !== undefined) this.turn = Math.max(this.turn ?? 0, request.turn);
    this.#busyUnits.add(request.unit);
    if (request.print !== undefined) this.#busyPrints.add(request.print);
    const { cameBack = [], subAgent } = request;
    // A sub-agent's beginning answers nothing: others of its kind may wait for their tools.
    const answers =
      subAgent && cameBack.length === 0 ? [] : this.awaited.take(request.unit, cameBack);
    return { ...submittedCall({ request, visit, seq, answers }), run: this };
  }

  /** Ends a call; `record` is what it asked of its backend, undefined where it did not succeed. */
  settle(call: LiveCall, record: CallRecord | undefined, demand: Demand, now: number): void {
    const { turn, unit, print } = call.request;
    if (turn !== undefined) this.#endedTurn = Math.max(this.#endedTurn ?? 0, turn);
    this.#busyUnits.remove(unit);
    if (print !== undefined) this.#busyPrints.remove(print);
    this.#visits.settle(call.visit, call.request, record, demand, now);
    this.outstanding -= 1;
    // What happens on borrowed slots is told late.
    this.lastActiveAt = Math.max(this.lastActiveAt, now);
    if (!record) this.awaited.add(call.answers);
    this.broken = !record;
  }

  /** Sets since when a call's visit has a slot, epoch ms; undefined where all of its calls wait. */
  serve({ visit }: LiveCall, since: number | undefined): void {
    this.#visits.serve(visit, since);
  }

  /** Begins a unit that the client executes itself: a visit that holds no slot. */
  beginOwnUnit(unit: string, now: number): void {
    this.#visits.beginOwnUnit(unit, now);
    this.callCount += 1;
    this.lastActiveAt = now;
  }

  /** Ends a client unit; false where none of that name are open. */
  endOwnUnit(unit: string, now: number): boolean {
    const isOpen = this.#visits.endOwnUnit(unit, now);
    if (isOpen) this.lastActiveAt = now;
    return isOpen;
  }

  /** True while the client executes a unit itself; it sends nothing until that ends. */
  get isInOwnUnit(): boolean {
    return this.#visits.isInOwnUnit;
  }

  /** True while a call of the unit waits or runs. */
  isBusyWith(unit: string): boolean {
    return this.#busyUnits.has(unit);
  }

  /** True while a call with this body waits or runs. */
  isBusyWithPrint(print: string): boolean {
    return this.#busyPrints.has(print);
  }

  /** True where the run has visited the unit. */
  hasVisited(unit: string): boolean {
    return this.#visits.has(unit);
  }

  /** True where a call with this body failed and was not repeated. */
  hasFailed(print: string): boolean {
    return this.#visits.hasFailed(print);
  }

  /** True where a call with this body succeeded. */
  hasEnded(print: string): boolean {
    return this.#visits.hasEnded(print);
  }

  /** Work of all ended calls, ms. */
  attainedMs(speeds: Speeds): number {
    return this.#visits.done.workMs(speeds);
  }

  /** Work of its ended calls at one backend, ms. */
  attainedFromMs(backend: string, speeds: Speeds): number {
    return this.#visits.done.workAtMs(backend, speeds);
  }

  /** The run's state in a visit, by which samples of earlier runs are looked up. */
  stateIn(visit: LiveVisit, speeds: Speeds): VisitState {
    const visitMs = workMs(visit.done, speeds(visit.backend));
    return {
      unit: visit.unit,
      visit: visit.number,
      fanOut: visit.fanOut,
      fanOutBefore: visit.callsBefore,
      inputTokens: visit.largestInput,
      beforeMs: this.attainedMs(speeds) - visitMs,
    };
  }

  /** The run as it is learned from; undefined where none of its calls succeeded. */
  record(): RecordedRun | undefined {
    const units = recordedVisits(this.visits);
    if (units.length === 0) return undefined;
    return {
      run: this.id,
      app: this.app,
      ...(this.label === undefined ? {} : { label: this.label }),
      arrival_ms: this.arrivedAt,
      ...(this.deadlineAt === undefined
        ? {}
        : { deadline_ms: Math.max(1, this.deadlineAt - this.arrivedAt) }),
      units,
    };
  }
}
