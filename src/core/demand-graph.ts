/**
 * The PDGraph of one application (Probabilistic Demand Graph; paper, section 4.1): its units, what a
 * visit of each asks for, and which unit comes next. It ranks a run while there are too few whole
 * samples of its state, and it is what people look at to understand an application.
 */
import { type Demand, demandOf, type Speeds, workMs } from './demand.ts';
import type { RecordedRun, VisitRecord } from './recorded-run.ts';
import { type UnitState, unitRank } from './unit-gittins.ts';

/** Count, mean and standard deviation of a quantity. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly deviation: number;
}

/** One unit as people see it. */
export interface UnitView {
  readonly unit: string;
  readonly backend: string;
  readonly visits: number;
  readonly calls_per_visit: Summary;
  readonly input_tokens?: Summary;
  readonly output_tokens?: Summary;
  readonly service_ms?: Summary;
  readonly gap_ms: Summary;
  /** Probability of each unit that followed; `null` is the end of the run. */
  readonly next: ReadonlyArray<{ readonly unit: string | null; readonly probability: number }>;
}

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

  view(): Summary {
    return {
      count: this.count,
      mean: this.mean,
      deviation: this.count > 1 ? Math.sqrt(this.#m2 / (this.count - 1)) : 0,
    };
  }
}

class UnitNode {
  backend: string;
  tokens = false;
  readonly fanOut = new Moments();
  readonly input = new Moments();
  readonly output = new Moments();
  readonly gapMs = new Moments();
  readonly next = new Map<string, number>();
  ends = 0;

  constructor(backend: string) {
    this.backend = backend;
  }

  get visits(): number {
    return this.fanOut.count;
  }

  /** Mean demand of one visit. */
  get demand(): Demand {
    return {
      input: this.input.mean * this.fanOut.mean,
      output: this.output.mean * this.fanOut.mean,
    };
  }
}

export class DemandGraph {
  readonly #units = new Map<string, UnitNode>();
  #runs = 0;

  /** Finished runs that went in. */
  get runs(): number {
    return this.#runs;
  }

  visits(unit: string): number {
    return this.#units.get(unit)?.visits ?? 0;
  }

  learn(run: RecordedRun, speeds: Speeds): void {
    this.#runs += 1;
    run.units.forEach((visit, i) => {
      const node = this.#node(visit);
      node.fanOut.add(visit.calls.length);
      for (const call of visit.calls) {
        const demand = demandOf(call, speeds(visit.backend));
        if (!('service_ms' in call)) node.tokens = true;
        node.input.add(demand.input);
        node.output.add(demand.output);
      }
      const next = run.units[i + 1];
      if (!next) {
        node.ends += 1;
        return;
      }
      node.gapMs.add(visit.gap_ms ?? 0);
      node.next.set(next.unit, (node.next.get(next.unit) ?? 0) + 1);
    });
  }

  /**
   * Gittins rank at a unit's boundary, in milliseconds of one backend; units on other backends cost
   * this queue nothing. `undefined` where the unit was never seen.
   */
  rankMs(unit: string, backend: string, speeds: Speeds, fanOut: number): number | undefined {
    const names = [...this.#units.keys()];
    const start = names.indexOf(unit);
    const node = this.#units.get(unit);
    if (start < 0 || !node) return undefined;
    const index = new Map(names.map((name, i) => [name, i]));
    const states = [...this.#units.values()].map((n): UnitState => {
      const departures = Math.max(1, n.visits);
      return {
        costMs: n.backend === backend ? workMs(n.demand, speeds(backend)) : 0,
        next: [...n.next].map(([name, count]) => ({
          to: index.get(name) ?? 0,
          probability: count / departures,
        })),
        endProbability: n.ends / departures,
      };
    });
    const perCall = node.fanOut.mean > 0 ? (states[start]?.costMs ?? 0) / node.fanOut.mean : 0;
    return unitRank(states, start, perCall * Math.max(1, fanOut));
  }

  view(): UnitView[] {
    return [...this.#units].map(([unit, n]) => ({
      unit,
      backend: n.backend,
      visits: n.visits,
      calls_per_visit: n.fanOut.view(),
      ...(n.tokens
        ? { input_tokens: n.input.view(), output_tokens: n.output.view() }
        : { service_ms: n.output.view() }),
      gap_ms: n.gapMs.view(),
      next: [
        ...[...n.next].map(([name, count]) => ({ unit: name, probability: count / n.visits })),
        ...(n.ends > 0 ? [{ unit: null, probability: n.ends / n.visits }] : []),
      ],
    }));
  }

  #node(visit: VisitRecord): UnitNode {
    let node = this.#units.get(visit.unit);
    if (!node) {
      node = new UnitNode(visit.backend);
      this.#units.set(visit.unit, node);
    }
    node.backend = visit.backend;
    return node;
  }
}
