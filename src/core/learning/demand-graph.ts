/**
 * The PDGraph of one application (Probabilistic Demand Graph; paper, section 4.1): its units, the
 * demand of a visit of each, and the probability of the next unit. It ranks a run while its state
 * has too few whole-run samples (visit-samples.ts), and it shows people how an application works.
 * One unit is in unit-node.ts, the rank in graph-rank.ts.
 */
import { type Demand, demandOf, type Speed, type Speeds } from '../runs/demand.ts';
import type { RecordedRun, VisitRecord } from '../runs/recorded-run.ts';
import { graphRankMs } from './graph-rank.ts';
import { type Summary, UnitNode } from './unit-node.ts';

/** One unit as shown to people. */
export interface UnitView {
  readonly unit: string;
  /** What people read beside a name that is a fingerprint. */
  readonly label?: string;
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

/** A unit's demand has shifted; means of its calls before, and of the run that showed it. */
export interface Drift {
  readonly unit: string;
  /** When that run ended, epoch ms. */
  readonly at: number;
  readonly of: 'input' | 'output';
  readonly before: number;
  readonly now: number;
}

/** Shifts that are remembered of an application, the newest. */
const MAX_DRIFTS = 20;
/** Units kept per application, the last seen: a client may invent ever new names. */
const MAX_UNITS = 500;
/** Ranks cached until the next run is learned. */
const MAX_RANKS = 100;

interface Mean {
  input: number;
  output: number;
  calls: number;
}

/** Visits of a unit before its own mean says something of its calls. */
const MIN_VISITS = 3;

export class DemandGraph {
  readonly #units = new Map<string, UnitNode>();
  #runs = 0;
  #visits = 0;
  #forgotten: string[] = [];
  #drifts: Drift[] = [];
  /** Cache of ranks by query: many runs wait at the same unit, and all are ranked at once. */
  readonly #ranksMs = new Map<string, { readonly speed: Speed; readonly rankMs: number }>();

  /** Number of units. */
  get size(): number {
    return this.#units.size;
  }

  /** Number of runs learned. */
  get runs(): number {
    return this.#runs;
  }

  /** Visits of a unit; not an integer once old ones have faded. */
  visits(unit: string): number {
    return this.#units.get(unit)?.visits ?? 0;
  }

  /** Mean demand of a unit's calls at its backend; undefined for a unit hardly known. */
  callDemand(unit: string, backend: string): Demand | undefined {
    const node = this.#units.get(unit);
    if (!node || node.backend !== backend || node.visits < MIN_VISITS) return undefined;
    return node.callDemand;
  }

  /** The units of a backend that followed a unit, and how often. */
  *next(unit: string, backend: string): Iterable<readonly [unit: string, count: number]> {
    for (const [to, count] of this.#units.get(unit)?.next ?? []) {
      if (this.#units.get(to)?.backend === backend) yield [to, count];
    }
  }

  /** The newest shifts of demand, the newest last. */
  get drifts(): readonly Drift[] {
    return this.#drifts;
  }

  /**
   * Learns a finished run, which ended at `at`, epoch ms. True where it shows that one of its units has
   * changed.
   */
  learn(run: RecordedRun, speeds: Speeds, at = 0): boolean {
    this.#runs += 1;
    this.#ranksMs.clear();
    const changed = this.#noticeChanges(run, speeds, at);
    run.units.forEach((visit, i) => {
      const node = this.#node(visit);
      node.add(visit, speeds(visit.backend));
      const next = run.units[i + 1];
      if (!next) {
        node.ends += 1;
        return;
      }
      node.gapMs.add(visit.gap_ms ?? 0);
      node.next.set(next.unit, (node.next.get(next.unit) ?? 0) + 1);
    });
    return changed;
  }

  /** Returns and clears the units that were dropped since the last call. */
  takeForgotten(): string[] {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return forgotten;
  }

  /** Rank of a run that is about to visit a unit (graph-rank.ts); undefined where that is unknown. */
  rankMs(unit: string, backend: string, speeds: Speeds, fanOut: number): number | undefined {
    const speed = speeds(backend);
    const query = `${fanOut} ${backend}\n${unit}`;
    const cached = this.#ranksMs.get(query);
    if (cached?.speed === speed) return cached.rankMs;
    const rankMs = graphRankMs(this.#units, unit, backend, speed, fanOut);
    if (rankMs === undefined) return undefined;
    if (this.#ranksMs.size >= MAX_RANKS) this.#ranksMs.clear();
    this.#ranksMs.set(query, { speed, rankMs });
    return rankMs;
  }

  view(): UnitView[] {
    return [...this.#units].map(([unit, n]) => ({
      unit,
      ...(n.label === undefined ? {} : { label: n.label }),
      backend: n.backend,
      visits: Math.round(n.visits),
      calls_per_visit: n.fanOut.view(),
      ...(n.tokens
        ? { input_tokens: n.input.view(), output_tokens: n.output.view() }
        : { service_ms: n.output.view() }),
      gap_ms: n.gapMs.view(),
      next: [
        ...[...n.next].map(([name, count]) => ({ unit: name, probability: count / n.departures })),
        ...(n.ends > 0 ? [{ unit: null, probability: n.ends / n.departures }] : []),
      ],
    }));
  }

  /**
   * Tests each unit of a run for a change, with one observation per run and unit, because the calls
   * of a run resemble each other.
   */
  #noticeChanges(run: RecordedRun, speeds: Speeds, at: number): boolean {
    const means = new Map<UnitNode, Mean>();
    for (const visit of run.units) {
      const node = this.#node(visit);
      const mean = means.get(node) ?? { input: 0, output: 0, calls: 0 };
      for (const call of visit.calls) {
        const demand = demandOf(call, speeds(visit.backend));
        mean.calls += 1;
        mean.input += (demand.input - mean.input) / mean.calls;
        mean.output += (demand.output - mean.output) / mean.calls;
      }
      means.set(node, mean);
    }
    let changed = false;
    for (const [node, mean] of means) {
      const parts = node.changed(mean);
      if (parts.length === 0) continue;
      this.#remember(node, parts, mean, at);
      node.fade();
      changed = true;
    }
    return changed;
  }

  #remember(
    node: UnitNode,
    parts: ReadonlyArray<'input' | 'output'>,
    mean: Demand,
    at: number,
  ): void {
    const [unit = ''] = [...this.#units].find(([, known]) => known === node) ?? [];
    const drifts = parts.map((of) => {
      return { unit, at, of, before: node[of].mean, now: mean[of] };
    });
    this.#drifts = [...this.#drifts, ...drifts].slice(-MAX_DRIFTS);
  }

  /** The unit's node, created where it is new; records that the unit was seen. */
  #node(visit: VisitRecord): UnitNode {
    let node = this.#units.get(visit.unit);
    if (!node) {
      if (this.#units.size >= MAX_UNITS) this.#forgetOldest();
      node = new UnitNode(visit.backend);
      this.#units.set(visit.unit, node);
    }
    this.#visits += 1;
    node.seenAt = this.#visits;
    node.backend = visit.backend;
    node.label = visit.label ?? node.label;
    return node;
  }

  /** Drops the unit that was seen least recently. Transitions to it count as ends of the run. */
  #forgetOldest(): void {
    let oldest = '';
    let oldestAt = Infinity;
    for (const [unit, { seenAt }] of this.#units) {
      if (seenAt < oldestAt) [oldest, oldestAt] = [unit, seenAt];
    }
    this.#units.delete(oldest);
    this.#forgotten.push(oldest);
    for (const node of this.#units.values()) {
      node.ends += node.next.get(oldest) ?? 0;
      node.next.delete(oldest);
    }
  }
}
