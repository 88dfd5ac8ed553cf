/** Sums of demand by backend, so that the work of a run is known without a look at its calls. */
import {
  addDemand,
  type Demand,
  NO_DEMAND,
  type Speeds,
  subtractDemand,
  workMs,
} from './demand.ts';

export class DemandSums {
  readonly #sums = new Map<string, Demand>();

  add(backend: string, demand: Demand): void {
    this.#sums.set(backend, addDemand(this.at(backend), demand));
  }

  /** Never below 0. */
  subtract(backend: string, demand: Demand): void {
    this.#sums.set(backend, subtractDemand(this.at(backend), demand));
  }

  at(backend: string): Demand {
    return this.#sums.get(backend) ?? NO_DEMAND;
  }

  /** Work of all of it, ms. */
  workMs(speeds: Speeds): number {
    let sum = 0;
    for (const [backend, demand] of this.#sums) sum += workMs(demand, speeds(backend));
    return sum;
  }

  /** Work at one backend, ms. */
  workAtMs(backend: string, speeds: Speeds): number {
    return workMs(this.at(backend), speeds(backend));
  }
}
