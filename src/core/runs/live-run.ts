/**
 * A run in flight and its calls: which units it visited, what it asked of each backend, what still
 * waits or runs. Calls of one unit that overlap are one visit (a fan-out); a call that comes when
 * none of its unit is open begins the next visit. Plain bookkeeping: no decision is made here.
 */

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

/** A call in flight, the visit of a unit that it belongs to, and the slot that it holds. */
export interface LiveCall {
  readonly request: CallRequest;
  readonly run: LiveRun;
  readonly visit: LiveVisit;
  /** Order of submission, the tie-break of every policy. */
  readonly seq: number;
  /** Since when it waits with no endpoint warm, epoch ms; undefined where one was when it came into the line. */
  coldSince: number | undefined;
  /** How long it has waited in the line for cold starts, over all its attempts, ms. */
  coldMs: number;
  /** From then on its run is too late, and the client does not want it served, epoch ms. */
  lostAt: number;
  lease: Lease | undefined;
  /** It was granted before others for its deadline's sake. */
  urgent: boolean;
  /** Calls at its endpoint when it was granted, itself included. */
  concurrency: number;
  /** Slots that it was granted so far. */
  attempts: number;
  /** Endpoints that failed it. */
  avoid: Set<string> | undefined;
}

export class LiveRun {
  readonly id: string;
  readonly app: string;
  readonly arrivedAt: number;
  deadlineAt: number | undefined;
  lastActiveAt: number;
  /** Calls that wait or run. */
  outstanding = 0;
  /** The client said that no further call comes. */
  final = false;
  /** Its last call failed or was given up: what is recorded is not all that the run wanted. */
  broken = false;
  readonly visits: LiveVisit[] = [];
  /** Calls that were ever submitted. */
  callCount = 0;
  /** Messages of its conversation so far; undefined where it is not known by one. */
  turn: number | undefined;
  /** The same, of calls that are over: after a restart the others come again. */
  #endedTurn: number | undefined;

  constructor(id: string, app: string, arrivedAt: number) {
    this.id = id;
    this.app = app;
    this.arrivedAt = arrivedAt;
    this.lastActiveAt = arrivedAt;
  }

  static restore(from: RunSnapshot): LiveRun {
    const run = new LiveRun(from.id, from.app, from.arrivedAt);
    run.deadlineAt = from.deadlineAt;
    run.lastActiveAt = from.lastActiveAt;
    run.broken = from.broken;
    run.final = from.final ?? false;
    run.turn = from.turn;
    run.#endedTurn = from.turn;
    run.callCount = from.callCount ?? from.visits.reduce((n, v) => n + v.fanOut, 0);
    for (const v of from.visits) {
      // A unit of the client's own is not submitted again: it goes on, or is over.
      const fanOut = v.backend === CLIENT_BACKEND ? v.fanOut : v.records.length;
      const missing = v.fanOut - fanOut;
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
      arrivedAt: this.arrivedAt,
      ...(this.deadlineAt === undefined ? {} : { deadlineAt: this.deadlineAt }),
      lastActiveAt: this.lastActiveAt,
      broken: this.broken,
      ...(this.final ? { final: true } : {}),
      ...(this.#endedTurn === undefined ? {} : { turn: this.#endedTurn }),
      callCount: this.callCount,
      visits: this.visits.map(({ outstanding: _, missing, ...visit }) => ({
        ...visit,
        records: [...visit.records],
        ended: [...visit.ended],
        failedPrints: [...visit.failedPrints],
        fanOut: visit.fanOut + missing,
      })),
    };
  }

  /** The clock went back: nothing of the run was later than now. */
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

  /** Adds a call: to the open visit of its unit, to the one that it repeats, or as the next visit. */
  submit(request: CallRequest, seq: number, now: number): LiveCall {
    const visit =
      this.#repeatedVisit(request) ??
      this.#openVisit(request) ??
      this.#nextVisit(request.unit, request.backend, now);
    visit.fanOut += 1;
    visit.outstanding += 1;
    visit.missing = Math.max(0, visit.missing - 1);
    visit.largestInput = Math.max(visit.largestInput, request.inputTokens);
    this.outstanding += 1;
    this.callCount += 1;
    this.lastActiveAt = now;
    if (request.deadlineAt !== undefined) this.deadlineAt = request.deadlineAt;
    if (request.final) this.final = true;
    if (request.turn !== undefined) this.turn = Math.max(this.turn ?? 0, request.turn);
    const standing = { lease: undefined, urgent: false, concurrency: 1 };
    const tries = { attempts: 0, avoid: undefined, lostAt: Infinity };
    const cold = { coldSince: undefined, coldMs: 0 };
    return { request, run: this, visit, seq, ...standing, ...tries, ...cold };
  }

  /** A call ended; `record` is what it asked for, or undefined where that did not come about. */
  settle(call: LiveCall, record: CallRecord | undefined, demand: Demand, now: number): void {
    const { visit } = call;
    const { turn } = call.request;
    if (turn !== undefined) this.#endedTurn = Math.max(this.#endedTurn ?? 0, turn);
    visit.outstanding -= 1;
    visit.endedAt = now;
    this.outstanding -= 1;
    this.lastActiveAt = now;
    if (record) {
      visit.records.push(record);
      visit.ended.push({ print: call.request.print, demand });
      visit.done = addDemand(visit.done, demand);
    } else {
      visit.fanOut -= 1;
      if (call.request.print !== undefined) visit.failedPrints.push(call.request.print);
    }
    this.broken = !record;
  }

  /** The client itself begins a unit: it holds no slot, but the run is in it. */
  beginOwnUnit(unit: string, now: number): void {
    const visit = this.#nextVisit(unit, CLIENT_BACKEND, now);
    visit.fanOut = 1;
    visit.servingSince = now;
    this.callCount += 1;
    this.lastActiveAt = now;
  }

  /** The client ends a unit of its own; false where it had begun none of that name. */
  endOwnUnit(unit: string, now: number): boolean {
    const visit = this.visits.findLast(
      (v) => v.unit === unit && v.backend === CLIENT_BACKEND && v.records.length === 0,
    );
    if (!visit) return false;
    const serviceMs = now - visit.startedAt;
    visit.records.push({ service_ms: serviceMs });
    visit.done = { input: 0, output: serviceMs };
    visit.ended.push({ print: undefined, demand: visit.done });
    visit.endedAt = now;
    this.lastActiveAt = now;
    return true;
  }

  /** The client is in a unit of its own, and says nothing until that ends. */
  get isInOwnUnit(): boolean {
    return this.visits.some((v) => v.backend === CLIENT_BACKEND && v.records.length === 0);
  }

  /** Work that all ended calls took, in ms. */
  attainedMs(speeds: Speeds): number {
    return this.visits.reduce((sum, v) => sum + workMs(v.done, speeds(v.backend)), 0);
  }

  /** Work that its ended calls took from one backend, in ms. */
  attainedFromMs(backend: string, speeds: Speeds): number {
    return this.visits.reduce(
      (sum, v) => (v.backend === backend ? sum + workMs(v.done, speeds(backend)) : sum),
      0,
    );
  }

  /** Where the run stands in a visit, as the samples are asked for it. */
  stateIn(visit: LiveVisit, speeds: Speeds): VisitState {
    const hereMs = workMs(visit.done, speeds(visit.backend));
    return {
      unit: visit.unit,
      visit: visit.number,
      fanOut: visit.fanOut,
      fanOutBefore: visit.callsBefore,
      inputTokens: visit.largestInput,
      beforeMs: this.attainedMs(speeds) - hereMs,
    };
  }

  /** The run as it is learned from; undefined where none of its calls came about. */
  record(): RecordedRun | undefined {
    const visits = this.visits.filter((v) => v.records.length > 0);
    if (visits.length === 0) return undefined;
    return {
      run: this.id,
      app: this.app,
      arrival_ms: this.arrivedAt,
      ...(this.deadlineAt === undefined
        ? {}
        : { deadline_ms: Math.max(1, this.deadlineAt - this.arrivedAt) }),
      units: visits.map((v, i) => {
        const next = visits[i + 1];
        // Visits that overlapped are written one after the other: the format has no parallel units.
        const gapMs = next ? Math.max(0, next.startedAt - v.endedAt) : 0;
        return {
          unit: v.unit,
          backend: v.backend,
          ...(gapMs > 0 ? { gap_ms: gapMs } : {}),
          calls: v.records,
        };
      }),
    };
  }

  /**
   * The visit that had this very call before. One that failed is made good; one that the client had
   * no joy of, and says so, is done anew and counts once.
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
    visit.done = subtractDemand(visit.done, ended.demand);
    return visit;
  }

  #openVisit(request: CallRequest): LiveVisit | undefined {
    return this.visits.findLast(
      (v) =>
        v.outstanding + v.missing > 0 && v.unit === request.unit && v.backend === request.backend,
    );
  }

  #nextVisit(unit: string, backend: string, now: number): LiveVisit {
    const visit: LiveVisit = {
      unit,
      backend,
      number: this.visits.filter((v) => v.unit === unit).length + 1,
      startedAt: now,
      servingSince: undefined,
      callsBefore: this.visits.reduce((n, v) => n + v.fanOut, 0),
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
    return visit;
  }
}
