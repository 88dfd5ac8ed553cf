/**
 * What is known of one unit of a PDGraph: what a visit of it asked for, how often each other unit
 * followed, and whether it has changed.
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

/** What a change of a unit leaves of its old observations. */
const FADED_SHARE = 0.2;

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

  /** Old observations count a fifth of what they did. */
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

/** Counts are shares of visits once old ones have faded. */
export class UnitNode {
  backend: string;
  tokens = false;
  readonly fanOut = new Moments();
  readonly input = new Moments();
  readonly output = new Moments();
  readonly gapMs = new Moments();
  readonly next = new Map<string, number>();
  ends = 0;
  /** Number of the visit that was the last. */
  seenAt = 0;
  readonly #inputDrift = new DriftDetector();
  readonly #outputDrift = new DriftDetector();

  constructor(backend: string) {
    this.backend = backend;
  }

  get visits(): number {
    return this.fanOut.count;
  }

  /** Visits by what followed them; the run that is being learned may not be among them yet. */
  get departures(): number {
    let departures = this.ends;
    for (const count of this.next.values()) departures += count;
    return departures;
  }

  /** True when the mean demand of a run's calls shows that the unit has changed. */
  hasChanged(mean: Demand): boolean {
    const input = this.#inputDrift.observe(mean.input);
    const output = this.#outputDrift.observe(mean.output);
    return input || output;
  }

  add(visit: VisitRecord, speed: Speed): void {
    this.fanOut.add(visit.calls.length);
    for (const call of visit.calls) {
      const demand = demandOf(call, speed);
      if (!('service_ms' in call)) this.tokens = true;
      this.input.add(demand.input);
      this.output.add(demand.output);
    }
  }

  /** What was known of it counts a fifth of what it did. */
  fade(): void {
    for (const moments of [this.fanOut, this.input, this.output, this.gapMs]) moments.fade();
    for (const [unit, count] of this.next) this.next.set(unit, count * FADED_SHARE);
    this.ends *= FADED_SHARE;
  }

  /** Mean demand of one visit. */
  get demand(): Demand {
    return {
      input: this.input.mean * this.fanOut.mean,
      output: this.output.mean * this.fanOut.mean,
    };
  }
}
