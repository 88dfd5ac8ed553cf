/**
 * The visits of a run in flight and their calls, with sums and look-ups over all of them, so that a
 * call costs the same however many came before it. Overlapping calls of one unit are one visit (a
 * fan-out); a call of a unit without an open visit begins the next visit. The run itself is in
 * live-run.ts, what of its visits is stored in visit-log.ts.
 */
import { type CallRequest, CLIENT_BACKEND } from './call-request.ts';
import { addDemand, type Demand, NO_DEMAND, subtractDemand } from './demand.ts';
import { DemandSums } from './demand-sums.ts';
import type { LiveVisit, StoredVisit } from './live-visit.ts';
import { Multiset } from './multiset.ts';
import type { CallRecord } from './recorded-run.ts';
import { VisitLog } from './visit-log.ts';

export class RunVisits {
  readonly all: LiveVisit[] = [];
  readonly log = new VisitLog();
  /** Demand of all ended calls. */
  readonly done = new DemandSums();
  /** Visits by unit, the newest last; of a unit at a backend, only the newest can be open. */
  readonly #ofUnit = new Map<string, LiveVisit[]>();
  /** Fingerprints of the calls that failed. */
  readonly #failed = new Multiset();
  /** Those of the calls that succeeded; made when it is first asked for. */
  #ended: Multiset | undefined;
  #fanOut = 0;
  #openOwnUnits = 0;

  /** Restores visits, of which some calls may be submitted again. */
  restore(stored: readonly StoredVisit[]): void {
    for (const from of stored) {
      // A client unit is not submitted again: it goes on or has ended.
      const fanOut = from.backend === CLIENT_BACKEND ? from.fanOut : from.records.length;
      const missing = from.fanOut - fanOut;
      const {
        at: _,
        recordsGone: __,
        printsGone: ___,
        ended = [],
        failedPrints = [],
        ...rest
      } = from;
      const index = this.all.length;
      const visit = { ...rest, index, ended, failedPrints, fanOut, missing, outstanding: 0 };
      this.#push(visit);
      this.#fanOut += fanOut;
      this.done.add(visit.backend, visit.done);
      for (const print of failedPrints) this.#failed.add(print);
      if (isOpenOwnUnit(visit)) this.#openOwnUnits += 1;
    }
  }

  /** Handles a clock that jumps back: no time of a visit lies in the future. */
  clockWentBack(now: number): void {
    for (const visit of this.all) {
      const { startedAt, endedAt, servingSince = -Infinity } = visit;
      if (Math.max(startedAt, endedAt, servingSince) <= now) continue;
      visit.startedAt = Math.min(startedAt, now);
      visit.endedAt = Math.min(endedAt, now);
      if (servingSince > now) visit.servingSince = now;
      this.log.changed(visit);
    }
  }

  /** Adds a call: to the visit that it repeats, to the open visit of its unit, or as the next. */
  submit(request: CallRequest, now: number): LiveVisit {
    const latest = this.#latest(request);
    const isOpen = latest !== undefined && latest.outstanding + latest.missing > 0;
    const goesOn = (latest && this.#repeats(latest, request)) || isOpen;
    const visit = goesOn && latest ? latest : this.#next(request, now);
    visit.fanOut += 1;
    this.#fanOut += 1;
    visit.outstanding += 1;
    visit.missing = Math.max(0, visit.missing - 1);
    visit.largestInput = Math.max(visit.largestInput, request.inputTokens);
    this.log.changed(visit);
    return visit;
  }

  /** Ends a call; `record`: undefined where it did not succeed. */
  settle(
    visit: LiveVisit,
    { print }: CallRequest,
    record: CallRecord | undefined,
    demand: Demand,
    now: number,
  ): void {
    visit.outstanding -= 1;
    if (record) this.#record(visit, record, print, demand, now);
    else {
      visit.endedAt = Math.max(visit.endedAt, now);
      visit.fanOut -= 1;
      this.#fanOut -= 1;
      if (print !== undefined) {
        visit.failedPrints.push(print);
        this.#failed.add(print);
      }
    }
    this.log.changed(visit);
  }

  /** Sets since when a visit's calls have slots, epoch ms; undefined where all of them wait. */
  serve(visit: LiveVisit, since: number | undefined): void {
    visit.servingSince = since;
    this.log.changed(visit);
  }

  beginOwnUnit(unit: string, now: number): void {
    const visit = this.#next({ unit, backend: CLIENT_BACKEND }, now);
    visit.fanOut = 1;
    this.#fanOut += 1;
    this.#openOwnUnits += 1;
    visit.servingSince = now;
    this.log.changed(visit);
  }

  /** Ends a client unit; false where none of that name are open. */
  endOwnUnit(unit: string, now: number): boolean {
    const visit = this.isInOwnUnit ? this.#ofUnit.get(unit)?.findLast(isOpenOwnUnit) : undefined;
    if (!visit) return false;
    const serviceMs = now - visit.startedAt;
    this.#record(visit, { service_ms: serviceMs }, undefined, { input: 0, output: serviceMs }, now);
    this.#openOwnUnits -= 1;
    this.log.changed(visit);
    return true;
  }

  get isInOwnUnit(): boolean {
    return this.#openOwnUnits > 0;
  }

  /** True where the run has visited the unit. */
  has(unit: string): boolean {
    return this.#ofUnit.has(unit);
  }

  /** True where a call with this body failed, and was not repeated. */
  hasFailed(print: string): boolean {
    return this.#failed.has(print);
  }

  /** True where a call with this body succeeded. */
  hasEnded(print: string): boolean {
    this.#ended ??= endedPrints(this.all);
    return this.#ended.has(print);
  }

  /**
   * Whether the visit already had this call, by its fingerprint. If the earlier call failed, this one
   * takes its place. If it succeeded but the client declares a retry, its record is removed so that
   * the call counts once.
   */
  #repeats(visit: LiveVisit, { print, retry, backend }: CallRequest): boolean {
    if (print === undefined) return false;
    const failed = this.#failed.has(print) ? visit.failedPrints.indexOf(print) : -1;
    if (failed >= 0) {
      visit.failedPrints.splice(failed, 1);
      this.#failed.remove(print);
      this.log.printGone(visit, failed);
      return true;
    }
    const at = retry && this.hasEnded(print) ? visit.ended.findIndex((e) => e.print === print) : -1;
    const ended = visit.ended[at];
    if (!ended) return false;
    visit.records.splice(at, 1);
    visit.ended.splice(at, 1);
    this.#ended?.remove(print);
    this.log.recordGone(visit, at);
    visit.fanOut -= 1;
    this.#fanOut -= 1;
    visit.done = subtractDemand(visit.done, ended.demand);
    this.done.subtract(backend, ended.demand);
    return true;
  }

  #record(
    visit: LiveVisit,
    record: CallRecord,
    print: string | undefined,
    demand: Demand,
    now: number,
  ): void {
    visit.records.push(record);
    visit.ended.push({ print, demand });
    if (print !== undefined) this.#ended?.add(print);
    visit.done = addDemand(visit.done, demand);
    // An end that is told late may have been before another one.
    visit.endedAt = Math.max(visit.endedAt, now);
    this.done.add(visit.backend, demand);
  }

  #latest({ unit, backend }: CallRequest): LiveVisit | undefined {
    return this.#ofUnit.get(unit)?.findLast((v) => v.backend === backend);
  }

  #next(
    {
      unit,
      backend,
      adapter,
      labels,
    }: Pick<CallRequest, 'unit' | 'backend' | 'adapter' | 'labels'>,
    now: number,
  ): LiveVisit {
    const visit: LiveVisit = {
      index: this.all.length,
      unit,
      backend,
      number: (this.#ofUnit.get(unit)?.length ?? 0) + 1,
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
      ...(adapter === undefined ? {} : { adapter }),
      ...(labels?.unit === undefined ? {} : { label: labels.unit }),
    };
    this.#push(visit);
    return visit;
  }

  #push(visit: LiveVisit): void {
    this.all.push(visit);
    const ofUnit = this.#ofUnit.get(visit.unit);
    if (ofUnit) ofUnit.push(visit);
    else this.#ofUnit.set(visit.unit, [visit]);
  }
}

function isOpenOwnUnit({ backend, records }: LiveVisit): boolean {
  return backend === CLIENT_BACKEND && records.length === 0;
}

function endedPrints(visits: readonly LiveVisit[]): Multiset {
  const prints = new Multiset();
  for (const { ended } of visits) {
    for (const { print } of ended) if (print !== undefined) prints.add(print);
  }
  return prints;
}
