/**
 * The visit samples of one application: what finished runs did at, before and after each visit of
 * each unit. Whole runs are split, never fields drawn apart, so the correlations that independent
 * draws lose (the fan-out of one unit is that of the next) are kept (docs/decisions.md, 3).
 */
import {
  addDemand,
  type Demand,
  demandOf,
  NO_DEMAND,
  type Speeds,
  workMs,
} from '../runs/demand.ts';
import type { RecordedRun, VisitRecord } from '../runs/recorded-run.ts';
import type { VisitState } from '../runs/visit-state.ts';
import type { PriorPool, Prospects } from './prior-pool.ts';
import type { Random } from './random.ts';
import {
  type BackendShare,
  bytesPerSample,
  SAMPLE_CAPACITY,
  SampleTable,
  type VisitSample,
} from './sample-table.ts';

/** Visits of a unit are told apart up to this number; later ones count as this one. */
export const MAX_VISIT_NUMBER = 6;
/** A state with fewer samples borrows from an earlier visit of the same unit. */
const ENOUGH_OF_A_STATE = 3;
/** Memory that the samples of one application may take, and samples of a state in any case. */
const BYTES_OF_AN_APPLICATION = 45_000;
const LEAST_OF_A_STATE = 32;
/** The table of whole runs; no state's key begins so. */
const WHOLE_RUN = 'run';

export class VisitSamples {
  readonly #tables = new Map<string, SampleTable>();
  readonly #backends: string[] = [];
  readonly #pool: PriorPool;

  /** What is seen of one application goes into the tenant's pool as well. */
  constructor(pool: PriorPool) {
    this.#pool = pool;
  }

  get backends(): readonly string[] {
    return this.#backends;
  }

  /** Number of samples of a state. */
  size(unit: string, visit: number): number {
    return this.#tables.get(stateKey(unit, visit))?.size ?? 0;
  }

  /** Bytes that all samples occupy. */
  get byteLength(): number {
    let bytes = 0;
    for (const table of this.#tables.values()) bytes += table.byteLength;
    return bytes;
  }

  /** Takes in a finished run. `speeds` turn tokens into the time until a backend was needed. */
  learn(run: RecordedRun, at: number, speeds: Speeds, random: Random): void {
    for (const visit of run.units) {
      if (!this.#backends.includes(visit.backend)) this.#backends.push(visit.backend);
    }
    const seen = new Map<string, number>();
    const starts = startTimes(run.units, speeds);
    const endMs = starts.at(-1) ?? 0;
    const remaining = this.#totals(run.units, speeds);
    const needs = this.#backends.map((b) => firstNeedMs(run.units, starts, 0, b));
    this.#learnWhole(remaining, needs, endMs, at, random);
    let fanOutBefore = 0;
    let beforeMs = 0;
    run.units.forEach((visit, index) => {
      const number = (seen.get(visit.unit) ?? 0) + 1;
      seen.set(visit.unit, number);
      const seenHere = {
        fanOut: visit.calls.length,
        fanOutBefore,
        inputTokens: largestInput(visit),
        beforeMs,
        pathMs: endMs - (starts[index] ?? 0),
      };
      const shares = this.#backends.map((backend, b): BackendShare => {
        // Of the visit's own backend it is the next need that counts.
        const after = backend === visit.backend ? index + 1 : index;
        const needMs = firstNeedMs(run.units, starts, index, backend, after);
        return { remaining: remaining[b] ?? NO_DEMAND, needMs };
      });
      this.#add(stateKey(visit.unit, number), { ...seenHere, shares }, at, random);
      const b = this.#backends.indexOf(visit.backend);
      const here = demandOfVisit(visit, speeds);
      this.#pool.learn(visit.backend, seenHere, remaining[b] ?? NO_DEMAND, at, random);
      remaining[b] = lessDemand(remaining[b] ?? NO_DEMAND, here);
      fanOutBefore += visit.calls.length;
      beforeMs += workMs(here, speeds(visit.backend));
    });
  }

  /** The unit is known no more. */
  forget(unit: string): void {
    for (let n = 1; n <= MAX_VISIT_NUMBER; n += 1) this.#tables.delete(stateKey(unit, n));
  }

  /** The application has changed: four of five samples are dropped, whichever. */
  fade(random: Random): void {
    for (const table of this.#tables.values()) table.fade(random);
  }

  /** Whole work of a backend in finished runs, whatever they did: the paper's view of a run. */
  totalMs(backend: string, speeds: Speeds): Float64Array {
    const table = this.#tables.get(WHOLE_RUN);
    const b = this.#backends.indexOf(backend);
    if (!table || b < 0) return new Float64Array(0);
    return table.remainingMs(table.all(), b, speeds(backend));
  }

  /** What the runs that most resemble this one still did; undefined where there are none. */
  prospects(state: VisitState, backend: string, speeds: Speeds): Prospects | undefined {
    const found = this.#nearest(state);
    const b = this.#backends.indexOf(backend);
    if (!found || b < 0 || found.rows.length === 0) return undefined;
    return {
      workMs: found.table.remainingMs(found.rows, b, speeds(backend)),
      pathMs: found.table.pathMs(found.rows),
    };
  }

  /** Milliseconds from this visit's submission until a backend was needed; Infinity for never. */
  needMs(state: VisitState, backend: string): Float64Array {
    const found = this.#nearest(state);
    if (!found) return new Float64Array(0);
    const b = this.#backends.indexOf(backend);
    return b < 0
      ? new Float64Array(found.rows.length).fill(Infinity)
      : found.table.needMs(found.rows, b);
  }

  /** Milliseconds from arrival until whole runs first needed a backend; Infinity for never. */
  firstNeedMs(backend: string): Float64Array {
    const table = this.#tables.get(WHOLE_RUN);
    const b = this.#backends.indexOf(backend);
    return table && b >= 0 ? table.needMs(table.all(), b) : new Float64Array(0);
  }

  #learnWhole(
    total: readonly Demand[],
    needs: readonly number[],
    pathMs: number,
    at: number,
    random: Random,
  ): void {
    const shares = total.map((remaining, b) => ({ remaining, needMs: needs[b] ?? Infinity }));
    const none = { fanOut: 0, fanOutBefore: 0, inputTokens: 0, beforeMs: 0 };
    const sample = { ...none, pathMs, shares };
    this.#add(WHOLE_RUN, sample, at, random);
  }

  #nearest(state: VisitState): { table: SampleTable; rows: Int32Array } | undefined {
    for (let visit = Math.min(state.visit, MAX_VISIT_NUMBER); visit >= 1; visit -= 1) {
      const table = this.#tables.get(stateKey(state.unit, visit));
      if (table && (table.size >= ENOUGH_OF_A_STATE || visit === 1)) {
        return { table, rows: table.nearest(state) };
      }
    }
    return undefined;
  }

  /** An application of many states keeps fewer samples of each, so that it stays in its budget. */
  #add(key: string, sample: VisitSample, at: number, random: Random): void {
    let table = this.#tables.get(key);
    if (!table) {
      table = new SampleTable(this.#backends.length);
      this.#tables.set(key, table);
    }
    const each =
      BYTES_OF_AN_APPLICATION / (this.#tables.size * bytesPerSample(this.#backends.length));
    const capacity = Math.max(LEAST_OF_A_STATE, Math.min(SAMPLE_CAPACITY, Math.floor(each)));
    table.add(sample, at, random, capacity);
  }

  /** Demand of a whole run, by backend index. */
  #totals(visits: readonly VisitRecord[], speeds: Speeds): Demand[] {
    const totals = this.#backends.map(() => NO_DEMAND);
    for (const visit of visits) {
      const b = this.#backends.indexOf(visit.backend);
      totals[b] = addDemand(totals[b] ?? NO_DEMAND, demandOfVisit(visit, speeds));
    }
    return totals;
  }
}

function demandOfVisit(visit: VisitRecord, speeds: Speeds): Demand {
  const speed = speeds(visit.backend);
  return visit.calls.reduce((sum, call) => addDemand(sum, demandOf(call, speed)), NO_DEMAND);
}

/** Rounding must not leave a negative remainder after the last visit. */
function lessDemand(a: Demand, b: Demand): Demand {
  return { input: Math.max(0, a.input - b.input), output: Math.max(0, a.output - b.output) };
}

function stateKey(unit: string, visit: number): string {
  return `${Math.min(visit, MAX_VISIT_NUMBER)}:${unit}`;
}

function largestInput(visit: VisitRecord): number {
  return visit.calls.reduce(
    (max, c) => ('service_ms' in c ? max : Math.max(max, c.input_tokens)),
    0,
  );
}

/**
 * When each visit was submitted in a run that never waits, and at last when the run ended: a visit
 * lasts as its longest call.
 */
function startTimes(visits: readonly VisitRecord[], speeds: Speeds): number[] {
  const times = [0];
  let at = 0;
  for (const visit of visits) {
    const speed = speeds(visit.backend);
    at += visit.calls.reduce((max, c) => Math.max(max, workMs(demandOf(c, speed), speed)), 0);
    at += visit.gap_ms ?? 0;
    times.push(at);
  }
  return times;
}

function firstNeedMs(
  visits: readonly VisitRecord[],
  starts: readonly number[],
  from: number,
  backend: string,
  first = from,
): number {
  for (let i = first; i < visits.length; i += 1) {
    if (visits[i]?.backend === backend) return (starts[i] ?? 0) - (starts[from] ?? 0);
  }
  return Infinity;
}
