/**
 * A run in flight and its calls: the units it visited, the work it took from each backend, the
 * calls that wait or run. Overlapping calls of one unit are one visit (a fan-out); a call of a unit
 * without an open visit begins the next visit. Bookkeeping only: decisions are made in dispatch/.
 * The set of runs is in dispatch/run-register.ts, a finished run in recorded-run.ts.
 */

import { type AwaitedTool, AwaitedTools } from './awaited-tools.ts';
import { type CallPlace, unplaced } from './call-place.ts';
import { type CallRequest, CLIENT_BACKEND } from './call-request.ts';
import {
  addDemand,
  type Demand,
  NO_DEMAND,
  type Speeds,
  subtractDemand,
  workMs,
} from './demand.ts';
import type { Lease } from './lease.ts';
import type { LiveVisit, RunSnapshot } from './live-visit.ts';
import type { CallRecord, RecordedRun } from './recorded-run.ts';
import type { VisitState } from './visit-state.ts';

/** A call in flight, the visit that it belongs to, and the lease that it holds. */
export interface LiveCall {
  readonly request: CallRequest;
  readonly run: LiveRun;
  readonly visit: LiveVisit;
  /** Order of submission, the tie-break of every policy. */
  readonly seq: number;
  /**
   * Since when it waits in the queue for a cold start, epoch ms; undefined where an endpoint was
   * warm when it was queued.
   */
  coldSince: number | undefined;
  /** Time that it waited in the queue for cold starts, over all its attempts, ms. */
  coldMs: number;
  /** Time that it is expected to take once it has a slot, ms. */
  expectedMs: number;
  /** What explained its wait when it was first told of it. */
  told: ExplainedWait | undefined;
  /** When it is refused because its run's deadline cannot be met, epoch ms; Infinity for never. */
  lostAt: number;
  lease: Lease | undefined;
  /**
   * Slots that its API key is charged for while it has the lease, or that it is expected to take while
   * it waits: at most those that there are.
   */
  slots: number;
  /** It was granted ahead of the queue's order because of its deadline. */
  urgent: boolean;
  /** Slots in use at its endpoint at the grant, its own included. */
  concurrency: number;
  /** Number of grants so far. */
  attempts: number;
  /** Ids of the endpoints that failed it. */
  avoid: Set<string> | undefined;
  /** How often an endpoint refused it (overloaded, cold). */
  refusals: number;
  /** It was sent once more after its connection was lost. */
  sentAgain?: boolean;
  /** Tool calls whose results it brings; they are awaited again where it does not succeed. */
  readonly answers: readonly AwaitedTool[];
  /** Its stay behind a busy endpoint, and what was expected at its grant. */
  readonly placed: CallPlace;
}

/** A wait as the calls ahead explain it. */
export interface ExplainedWait {
  /** Epoch ms. */
  readonly at: number;
  readonly callsAhead: number;
  readonly explainedMs: number;
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
  readonly visits: LiveVisit[] = [];
  /** Calls submitted so far, client units included. */
  callCount = 0;
  /** Messages of its conversation so far; undefined where no conversation identifies the run. */
  turn: number | undefined;
  /** The same, of ended calls only: after a restart the others are submitted again. */
  #endedTurn: number | undefined;
  /** The name of its conversation's beginning, which other runs may share; its id begins with it. */
  conversation: string | undefined;
  awaited = new AwaitedTools();
  /** Calls that wait or run. */
  readonly #calls = new Set<CallRequest>();
  /** Sums over all visits, so that a call costs the same however many came before it. */
  readonly #done = new Map<string, Demand>();
  readonly #visitsOf = new Map<string, number>();
  #fanOut = 0;
  #openOwnUnits = 0;

  constructor(id: string, app: string, arrivedAt: number, keyId = '') {
    this.id = id;
    this.app = app;
    this.keyId = keyId;
    this.arrivedAt = arrivedAt;
    this.lastActiveAt = arrivedAt;
  }

  static restore(from: RunSnapshot): LiveRun {
    const run = new LiveRun(from.id, from.app, from.arrivedAt, from.keyId);
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
    run.callCount = from.callCount ?? from.visits.reduce((n, v) => n + v.fanOut, 0);
    for (const v of from.visits) {
      // A client unit is not submitted again: it goes on or has ended.
      const fanOut = v.backend === CLIENT_BACKEND ? v.fanOut : v.records.length;
      const missing = v.fanOut - fanOut;
      run.#visitAdded(v.unit, fanOut);
      run.#add(v.backend, v.done);
      if (v.backend === CLIENT_BACKEND && v.records.length === 0) run.#openOwnUnits += 1;
      run.visits.push({
        ...v,
        records: [...v.records],
        ended: v.ended
          ? [...v.ended]
          : v.records.map(() => ({ print: undefined, demand: NO_DEMAND })),
        failedPrints: [...(v.failedPrints ?? [])],
        fanOut,
        missing,
        outstanding: 0,
      });
    }
    return run;
  }

  snapshot(): RunSnapshot {
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
      visits: this.visits.map(({ outstanding: _, missing, ...visit }) => ({
        ...visit,
        records: [...visit.records],
        ended: [...visit.ended],
        failedPrints: [...visit.failedPrints],
        fanOut: visit.fanOut + missing,
      })),
    };
  }

  /** Handles a clock that jumps back: no time of the run lies in the future. */
  clockWentBack(now: number): void {
    this.lastActiveAt = Math.min(this.lastActiveAt, now);
    for (const visit of this.visits) {
      visit.startedAt = Math.min(visit.startedAt, now);
      visit.endedAt = Math.min(visit.endedAt, now);
      if (visit.servingSince !== undefined) {
        visit.servingSince = Math.min(visit.servingSince, now);
      }
    }
  }

  /**
   * Adds a call: to the visit that it repeats, to the open visit of its unit, or as the next visit.
   */
  submit(request: CallRequest, seq: number, now: number): LiveCall {
    const visit =
      this.#repeatedVisit(request) ?? this.#openVisit(request) ?? this.#nextVisit(request, now);
    visit.fanOut += 1;
    this.#fanOut += 1;
    visit.outstanding += 1;
    visit.missing = Math.max(0, visit.missing - 1);
    visit.largestInput = Math.max(visit.largestInput, request.inputTokens);
    this.outstanding += 1;
    this.callCount += 1;
    this.lastActiveAt = now;
    if (request.deadlineAt !== undefined) this.deadlineAt = request.deadlineAt;
    if (request.final) this.final = true;
    if (request.turn !== undefined) this.turn = Math.max(this.turn ?? 0, request.turn);
    this.#calls.add(request);
    const { cameBack = [], subAgent } = request;
    // A sub-agent's beginning answers nothing: others of its kind may wait for their tools.
    const answers =
      subAgent && cameBack.length === 0 ? [] : this.awaited.take(request.unit, cameBack);
    const grant = { lease: undefined, slots: 1, urgent: false, concurrency: 1 };
    const attempts = { attempts: 0, avoid: undefined, refusals: 0, lostAt: Infinity };
    const cold = { coldSince: undefined, coldMs: 0, expectedMs: 0, told: undefined };
    const fields = { ...grant, ...attempts, ...cold, placed: unplaced() };
    return { request, run: this, visit, seq, answers, ...fields };
  }

  /** Ends a call; `record` is what it asked of its backend, undefined where it did not succeed. */
  settle(call: LiveCall, record: CallRecord | undefined, demand: Demand, now: number): void {
    const { visit } = call;
    const { turn } = call.request;
    if (turn !== undefined) this.#endedTurn = Math.max(this.#endedTurn ?? 0, turn);
    this.#calls.delete(call.request);
    visit.outstanding -= 1;
    visit.endedAt = now;
    this.outstanding -= 1;
    this.lastActiveAt = now;
    if (record) {
      visit.records.push(record);
      visit.ended.push({ print: call.request.print, demand });
      visit.done = addDemand(visit.done, demand);
      this.#add(visit.backend, demand);
    } else {
      visit.fanOut -= 1;
      this.#fanOut -= 1;
      this.awaited.add(call.answers);
      if (call.request.print !== undefined) visit.failedPrints.push(call.request.print);
    }
    this.broken = !record;
  }

  /** Begins a unit that the client executes itself: a visit that holds no slot. */
  beginOwnUnit(unit: string, now: number): void {
    const visit = this.#nextVisit({ unit, backend: CLIENT_BACKEND }, now);
    visit.fanOut = 1;
    this.#fanOut += 1;
    this.#openOwnUnits += 1;
    visit.servingSince = now;
    this.callCount += 1;
    this.lastActiveAt = now;
  }

  /** Ends a client unit; false where none of that name is open. */
  endOwnUnit(unit: string, now: number): boolean {
    const visit = this.visits.findLast(
      (v) => v.unit === unit && v.backend === CLIENT_BACKEND && v.records.length === 0,
    );
    if (!visit) return false;
    const serviceMs = now - visit.startedAt;
    visit.records.push({ service_ms: serviceMs });
    visit.done = { input: 0, output: serviceMs };
    this.#add(CLIENT_BACKEND, visit.done);
    this.#openOwnUnits -= 1;
    visit.ended.push({ print: undefined, demand: visit.done });
    visit.endedAt = now;
    this.lastActiveAt = now;
    return true;
  }

  /** True while the client executes a unit itself; it sends nothing until that ends. */
  get isInOwnUnit(): boolean {
    return this.#openOwnUnits > 0;
  }

  /** True while a call of the unit waits or runs. */
  isBusyWith(unit: string): boolean {
    for (const call of this.#calls) if (call.unit === unit) return true;
    return false;
  }

  /** True while a call with this body waits or runs. */
  isBusyWithPrint(print: string): boolean {
    for (const call of this.#calls) if (call.print === print) return true;
    return false;
  }

  /** Work of all ended calls, ms. */
  attainedMs(speeds: Speeds): number {
    let sum = 0;
    for (const [backend, demand] of this.#done) sum += workMs(demand, speeds(backend));
    return sum;
  }

  /** Work of its ended calls at one backend, ms. */
  attainedFromMs(backend: string, speeds: Speeds): number {
    return workMs(this.#doneAt(backend), speeds(backend));
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
    const visits = this.visits.filter((v) => v.records.length > 0);
    if (visits.length === 0) return undefined;
    return {
      run: this.id,
      app: this.app,
      ...(this.label === undefined ? {} : { label: this.label }),
      arrival_ms: this.arrivedAt,
      ...(this.deadlineAt === undefined
        ? {}
        : { deadline_ms: Math.max(1, this.deadlineAt - this.arrivedAt) }),
      units: visits.map((v, i) => {
        const next = visits[i + 1];
        // Overlapping visits are written one after the other: the format has no parallel units.
        const gapMs = next ? Math.max(0, next.startedAt - v.endedAt) : 0;
        return {
          unit: v.unit,
          backend: v.backend,
          ...(gapMs > 0 ? { gap_ms: gapMs } : {}),
          ...(v.label === undefined ? {} : { label: v.label }),
          calls: v.records,
        };
      }),
    };
  }

  /**
   * The visit that already had this call, by its fingerprint; undefined where none had. If the
   * earlier call failed, this one takes its place. If it succeeded but the client declares a retry,
   * its record is removed so that the call counts once.
   */
  #repeatedVisit(request: CallRequest): LiveVisit | undefined {
    const { print, unit, backend } = request;
    if (print === undefined) return undefined;
    const visit = this.visits.findLast((v) => v.unit === unit && v.backend === backend);
    if (!visit) return undefined;
    const failed = visit.failedPrints.indexOf(print);
    if (failed >= 0) {
      visit.failedPrints.splice(failed, 1);
      return visit;
    }
    const at = request.retry ? visit.ended.findIndex((e) => e.print === print) : -1;
    const ended = visit.ended[at];
    if (!ended) return undefined;
    visit.records.splice(at, 1);
    visit.ended.splice(at, 1);
    visit.fanOut -= 1;
    this.#fanOut -= 1;
    visit.done = subtractDemand(visit.done, ended.demand);
    this.#done.set(backend, subtractDemand(this.#doneAt(backend), ended.demand));
    return visit;
  }

  #openVisit(request: CallRequest): LiveVisit | undefined {
    return this.visits.findLast(
      (v) =>
        v.outstanding + v.missing > 0 && v.unit === request.unit && v.backend === request.backend,
    );
  }

  #nextVisit(
    { unit, backend, labels }: Pick<CallRequest, 'unit' | 'backend' | 'labels'>,
    now: number,
  ): LiveVisit {
    const visit: LiveVisit = {
      unit,
      backend,
      ...(labels?.unit === undefined ? {} : { label: labels.unit }),
      number: (this.#visitsOf.get(unit) ?? 0) + 1,
      startedAt: now,
      servingSince: undefined,
      callsBefore: this.#fanOut,
      fanOut: 0,
      outstanding: 0,
      missing: 0,
      largestInput: 0,
      done: NO_DEMAND,
      endedAt: now,
      records: [],
      ended: [],
      failedPrints: [],
    };
    this.visits.push(visit);
    this.#visitAdded(unit, 0);
    return visit;
  }

  #visitAdded(unit: string, fanOut: number): void {
    this.#visitsOf.set(unit, (this.#visitsOf.get(unit) ?? 0) + 1);
    this.#fanOut += fanOut;
  }

  #add(backend: string, demand: Demand): void {
    this.#done.set(backend, addDemand(this.#doneAt(backend), demand));
  }

  #doneAt(backend: string): Demand {
    return this.#done.get(backend) ?? NO_DEMAND;
  }
}
