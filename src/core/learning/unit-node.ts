/**
 * One unit of a PDGraph (demand-graph.ts): the mean demand of its visits, how often each unit
 * followed it, and the test whether its demand has changed (drift.ts).
 */
import { type Demand, demandOf, type Speed } from '../runs/demand.ts';
import type { VisitRecord } from '../runs/recorded-run.ts';
import { DriftDetector } from './drift.ts';

/** Count, mean and standard deviation of a quantity. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Weight that old observations keep when the unit has changed. */
const FADED_SHARE = 0.2;

/** Running count, mean and variance of a quantity (Welford's algorithm). */
class Moments {
  count = 0;
  mean = 0;
  #m2 = 0;

  add(value: number): void {
    this.count += 1;
    const delta = value - this.mean;
    this.mean += delta / this.count;
    this.#m2 += delta * (value - this.mean);
  }

  /** Reduces the weight of old observations to a fifth. */
  fade(): void {
    this.count *= FADED_SHARE;
    this.#m2 *= FADED_SHARE;
  }

  view(): Summary {
    return {
      count: Math.round(this.count),
      mean: this.mean,
      deviation: this.count > 1 ? Math.sqrt(this.#m2 / (this.count - 1)) : 0,
    };
  }
}

/** The statistics of one unit. Counts are not integers once old visits have faded. */
export class UnitNode {
  backend: string;
  /** What people read beside its name, where that is a fingerprint. */
  label: string | undefined;
  /** True where its calls are measured in tokens, false where in ms of service. */
  tokens = false;
  readonly fanOut = new Moments();
  readonly input = new Moments();
  readonly output = new Moments();
  readonly gapMs = new Moments();
  /** How often each unit followed. */
  readonly next = new Map<string, number>();
  /** How often the run ended here. */
  ends = 0;
  /** Number of its last visit, over all visits of the application. */
  seenAt = 0;
  readonly #inputDrift = new DriftDetector();
  readonly #outputDrift = new DriftDetector();

  constructor(backend: string) {
    this.backend = backend;
  }

  get visits(): number {
    return this.fanOut.count;
  }

  /** Visits whose successor or end is counted; those of the run being learned may be missing. */
  get departures(): number {
    let departures = this.ends;
    for (const count of this.next.values()) departures += count;
    return departures;
  }

  /** Tests the mean demand of a run's calls. Answers which parts of it show that the unit has changed. */
  changed(mean: Demand): ReadonlyArray<'input' | 'output'> {
    const input = this.#inputDrift.observe(mean.input);
    const output = this.#outputDrift.observe(mean.output);
    return [...(input ? (['input'] as const) : []), ...(output ? (['output'] as const) : [])];
  }

  /** Adds a visit; what follows it is counted by the graph. */
  add(visit: VisitRecord, speed: Speed): void {
    this.fanOut.add(visit.calls.length);
    for (const call of visit.calls) {
      const demand = demandOf(call, speed);
      if (!('service_ms' in call)) this.tokens = true;
      this.input.add(demand.input);
      this.output.add(demand.output);
    }
  }

  /** Reduces the weight of all that was observed to a fifth. */
  fade(): void {
    for (const moments of [this.fanOut, this.input, this.output, this.gapMs]) moments.fade();
    for (const [unit, count] of this.next) this.next.set(unit, count * FADED_SHARE);
    this.ends *= FADED_SHARE;
  }

  /** Mean demand of one of its calls. */
  get callDemand(): Demand {
    return { input: this.input.mean, output: this.output.mean };
  }

  /** Mean demand of one visit. */
  get demand(): Demand {
    return {
      input: this.input.mean * this.fanOut.mean,
      output: this.output.mean * this.fanOut.mean,
    };
  }
}
