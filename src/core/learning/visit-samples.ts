/**
 * The visit samples of one application: what finished runs did before, at and after each visit of
 * each unit, in one table per state (sample-table.ts). A sample keeps the fields of one run
 * together, so it keeps the correlations that independent draws lose, as where the fan-out of one
 * unit is that of the next (docs/decisions.md, 3).
 */
import {
  addDemand,
  type Demand,
  NO_DEMAND,
  type Speeds,
  subtractDemand,
  workMs,
} from '../runs/demand.ts';
import { adapterNeed, type RecordedRun, type VisitRecord } from '../runs/recorded-run.ts';
import type { VisitState } from '../runs/visit-state.ts';
import { type NeedTimes, NO_TIMES, needTimes } from './need-times.ts';
import type { PriorPool, Prospects } from './prior-pool.ts';
import type { Random } from './random.ts';
import { demandOfVisit, firstNeedMs, isNeeded, largestInput, startTimes } from './run-timeline.ts';
import { SAMPLE_CAPACITY, SampleTable } from './sample-table.ts';
import { type BackendShare, bytesPerSample, type VisitSample } from './visit-sample.ts';

/** Visits of a unit have states of their own up to this number; later ones share the last state. */
export const MAX_VISIT_NUMBER = 6;
/** With fewer samples of a state, those of an earlier visit of the same unit are used. */
const MIN_SAMPLES_OF_STATE = 3;
/** Maximum bytes of an application's samples, except that each state keeps this minimum. */
const MAX_BYTES = 45_000;
const MIN_CAPACITY = 32;
/** Adapters of an application whose needs are learned. */
const MAX_ADAPTERS = 16;
/** Key of the table of whole runs; the key of a state begins with a digit. */
const WHOLE_RUN = 'run';

export class VisitSamples {
  readonly #tables = new Map<string, SampleTable>();
  readonly #backends: string[] = [];
  readonly #pool: PriorPool;

  /** Samples are added to the tenant's pool as well. */
  constructor(pool: PriorPool) {
    this.#pool = pool;
  }

  /** The backends that the application has used, by index. */
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

  /** Learns a finished run. `speeds` convert tokens to the time until a backend was needed. */
  learn(run: RecordedRun, at: number, speeds: Speeds, random: Random): void {
    for (const visit of run.units) {
      if (!this.#backends.includes(visit.backend)) this.#backends.push(visit.backend);
      this.#learnAdapter(visit);
    }
    const visitCounts = new Map<string, number>();
    const starts = startTimes(run.units, speeds);
    const endMs = starts.at(-1) ?? 0;
    const remaining = this.#totals(run.units, speeds);
    const needs = this.#backends.map((b) => firstNeedMs(run.units, starts, 0, b));
    this.#learnWhole(remaining, needs, endMs, at, random);
    let fanOutBefore = 0;
    let beforeMs = 0;
    run.units.forEach((visit, index) => {
      const number = (visitCounts.get(visit.unit) ?? 0) + 1;
      visitCounts.set(visit.unit, number);
      const features = {
        fanOut: visit.calls.length,
        fanOutBefore,
        inputTokens: largestInput(visit),
        beforeMs,
        pathMs: endMs - (starts[index] ?? 0),
      };
      const shares = this.#backends.map((backend, b): BackendShare => {
        // For the visit's own backend the need is the next one after this visit.
        const after = isNeeded(visit, backend) ? index + 1 : index;
        const needMs = firstNeedMs(run.units, starts, index, backend, after);
        return { remaining: remaining[b] ?? NO_DEMAND, needMs };
      });
      this.#add(stateKey(visit.unit, number), { ...features, shares }, at, random);
      const b = this.#backends.indexOf(visit.backend);
      const demand = demandOfVisit(visit, speeds);
      this.#pool.learn(visit.backend, features, remaining[b] ?? NO_DEMAND, at, random);
      // At least 0: rounding must not leave a negative remainder after the last visit.
      remaining[b] = subtractDemand(remaining[b] ?? NO_DEMAND, demand);
      fanOutBefore += visit.calls.length;
      beforeMs += workMs(demand, speeds(visit.backend));
    });
  }

  /** An adapter counts as a backend of which nothing but the time of its need is learned. */
  #learnAdapter({ backend, adapter }: VisitRecord): void {
    if (adapter === undefined) return;
    const name = adapterNeed(backend, adapter);
    if (this.#backends.includes(name)) return;
    const learned = this.#backends.filter((known) => known.includes('\n')).length;
    if (learned < MAX_ADAPTERS) this.#backends.push(name);
  }

  /** Drops the samples of a unit that the graph has forgotten. */
  forget(unit: string): void {
    for (let n = 1; n <= MAX_VISIT_NUMBER; n += 1) this.#tables.delete(stateKey(unit, n));
  }

  /** Drops four of five samples at random, because the application has changed. */
  fade(random: Random): void {
    for (const table of this.#tables.values()) table.fade(random);
  }

  /** Total work of a backend in each finished run, slot-ms, unconditioned as in the paper. */
  totalMs(backend: string, speeds: Speeds): Float64Array {
    const table = this.#tables.get(WHOLE_RUN);
    const b = this.#backends.indexOf(backend);
    if (!table || b < 0) return new Float64Array(0);
    return table.remainingMs(table.all(), b, speeds(backend));
  }

  /** What the runs nearest to this one still did from this state; undefined without samples. */
  prospects(state: VisitState, backend: string, speeds: Speeds): Prospects | undefined {
    const nearest = this.#nearest(state);
    const b = this.#backends.indexOf(backend);
    if (!nearest || b < 0 || nearest.rows.length === 0) return undefined;
    return {
      workMs: nearest.table.remainingMs(nearest.rows, b, speeds(backend)),
      pathMs: nearest.table.pathMs(nearest.rows),
    };
  }

  /** Time from this visit's submission until a backend was needed, ms; Infinity for never. */
  needMs(state: VisitState, backend: string): Float64Array {
    const nearest = this.#nearest(state);
    if (!nearest) return new Float64Array(0);
    const b = this.#backends.indexOf(backend);
    return b < 0
      ? new Float64Array(nearest.rows.length).fill(Infinity)
      : nearest.table.needMs(nearest.rows, b);
  }

  /** The same, as samples in order. */
  needTimes(state: VisitState, backend: string): NeedTimes {
    return needTimes(this.needMs(state, backend));
  }

  /** The same of all runs that were in the state, whatever their features. */
  pooledNeedTimes(unit: string, visit: number, backend: string): NeedTimes {
    const b = this.#backends.indexOf(backend);
    return (b >= 0 && this.#tableOf(unit, visit)?.pooledNeeds(b)) || NO_TIMES;
  }

  /** After what time from their arrival runs first needed a backend. */
  firstNeedTimes(backend: string): NeedTimes {
    const b = this.#backends.indexOf(backend);
    return (b >= 0 && this.#tables.get(WHOLE_RUN)?.pooledNeeds(b)) || NO_TIMES;
  }

  #learnWhole(
    total: readonly Demand[],
    needs: readonly number[],
    pathMs: number,
    at: number,
    random: Random,
  ): void {
    const shares = total.map((remaining, b) => ({ remaining, needMs: needs[b] ?? Infinity }));
    const noFeatures = { fanOut: 0, fanOutBefore: 0, inputTokens: 0, beforeMs: 0 };
    const sample = { ...noFeatures, pathMs, shares };
    this.#add(WHOLE_RUN, sample, at, random);
  }

  #nearest(state: VisitState): { table: SampleTable; rows: Int32Array } | undefined {
    const table = this.#tableOf(state.unit, state.visit);
    return table && { table, rows: table.nearest(state) };
  }

  /** The samples of a state, or of an earlier visit where it has too few. */
  #tableOf(unit: string, number: number): SampleTable | undefined {
    for (let visit = Math.min(number, MAX_VISIT_NUMBER); visit >= 1; visit -= 1) {
      const table = this.#tables.get(stateKey(unit, visit));
      if (table && (table.size >= MIN_SAMPLES_OF_STATE || visit === 1)) return table;
    }
    return undefined;
  }

  /** Adds a sample; with many states each keeps fewer, so the application stays in its memory. */
  #add(key: string, sample: VisitSample, at: number, random: Random): void {
    let table = this.#tables.get(key);
    if (!table) {
      table = new SampleTable(this.#backends.length);
      this.#tables.set(key, table);
    }
    const fitting = MAX_BYTES / (this.#tables.size * bytesPerSample(this.#backends.length));
    const capacity = Math.max(MIN_CAPACITY, Math.min(SAMPLE_CAPACITY, Math.floor(fitting)));
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

function stateKey(unit: string, visit: number): string {
  return `${Math.min(visit, MAX_VISIT_NUMBER)}:${unit}`;
}
