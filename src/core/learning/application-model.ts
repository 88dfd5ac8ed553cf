/**
 * The model of one application: it turns the learned graph and samples into the rank of a waiting
 * run, its mean remaining work, and the probability that it needs a backend soon. The models of a
 * tenant are kept in application-models.ts.
 *
 * The rank is exact Gittins on whole-run samples where a state has at least 20 of them, Gittins by
 * unit on the graph below that, and a prior for a unit with fewer than 2 visits.
 */
import { pricedRankMs } from '../gittins/critical-path.ts';
import { RankTable, rankOnce } from '../gittins/gittins.ts';
import { type Speeds, workMs } from '../runs/demand.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import type { VisitState } from '../runs/visit-state.ts';
import { DemandGraph, type UnitView } from './demand-graph.ts';
import { LearnedSilence } from './learned-silence.ts';
import { type NeedChances, type NeedQuestion, needChances } from './need-times.ts';
import { PRIOR_WEIGHT, type PriorPool, type Prospects } from './prior-pool.ts';
import type { Random } from './random.ts';
import { VisitSamples } from './visit-samples.ts';

/** With fewer samples of a state, the rank comes from the graph. */
const MIN_SAMPLES = 20;
/** With fewer visits of a unit, the rank comes from the prior. */
const MIN_VISITS = 2;
/** Assumed for a call of an unknown unit. */
const PRIOR_OUTPUT_TOKENS = 200;
const PRIOR_SERVICE_MS = 2_000;
/** Quantile of the time left; a deadline nearer than that is missed with 95 % probability. */
const SOON_QUANTILE = 0.05;
/** Factor on the longest observed time: calls wait a little even if they go first. */
const LATE_MARGIN = 1.4;
/** What is left, at least, of the work of a sample for a call whose prompt is cached. */
const LEAST_SHARE = 0.1;
const EMPTY = new Float64Array(0);

export interface RankQuery {
  readonly state: VisitState;
  readonly backend: string;
  /** Work that the backend has done for this visit, slot-ms: the run's age in its state. */
  readonly attainedMs: number;
  readonly speeds: Speeds;
  /** Total slots of the backend; Infinity for no limit. */
  readonly slots: number;
  /** Work of the waiting call beyond that of its unit's usual ones, below 0 for less, slot-ms. */
  readonly extraMs?: number;
}

export interface NeedQuery extends NeedQuestion {
  readonly state: VisitState;
  readonly backend: string;
}

/** What similar runs still took, from the submission of the present visit on. */
export interface TimeLeft {
  /** 5 % of them ended within this time, ms. */
  readonly soonMs: number;
  /** All of them ended within this time, which includes a margin, ms. */
  readonly lateMs: number;
  /** Mean work that the run still asks of the backend, slot-ms. */
  readonly workMs: number;
}

/** The model as shown to people. */
export interface ApplicationView {
  readonly app: string;
  /** What people read beside a name that is a fingerprint. */
  readonly label?: string;
  readonly runs: number;
  readonly units: readonly UnitView[];
  readonly sample_bytes: number;
}

export class ApplicationModel {
  readonly app: string;
  /** What people read beside its name, where that is a fingerprint. */
  #label: string | undefined;
  readonly graph = new DemandGraph();
  readonly samples: VisitSamples;
  readonly #pool: PriorPool;
  /** Pauses inside runs: a silence well beyond them means that a run has ended. */
  readonly silence = new LearnedSilence();

  constructor(app: string, pool: PriorPool) {
    this.app = app;
    this.#pool = pool;
    this.samples = new VisitSamples(pool);
  }

  /** What people read beside its name; undefined where the name is one that was given. */
  get label(): string | undefined {
    return this.#label;
  }

  /** Learns a finished run. `at` is when it ended, epoch ms. */
  learn(run: RecordedRun, at: number, speeds: Speeds, random: Random): void {
    this.#label = run.label ?? this.#label;
    if (this.graph.learn(run, speeds, at)) this.samples.fade(random);
    this.samples.learn(run, at, speeds, random);
    for (const unit of this.graph.takeForgotten()) this.samples.forget(unit);
    for (const visit of run.units.slice(0, -1)) {
      this.silence.observe(visit.gap_ms ?? 0);
    }
  }

  /** Gittins rank in slot-ms of the backend: finite and positive, lower goes first. */
  rankMs(query: RankQuery): number {
    const { state, backend, attainedMs, speeds, slots, extraMs = 0 } = query;
    const sampled = this.samples.prospects(state, backend, speeds);
    if (sampled && extraMs !== 0) addTo(sampled.workMs, extraMs);
    if (sampled && sampled.workMs.length >= MIN_SAMPLES) {
      // The sums come first because the rank sorts the samples in place.
      const [workMs, pathMs] = [sum(sampled.workMs), sum(sampled.pathMs)];
      return pricedRankMs(rankOnce(sampled.workMs, attainedMs), workMs, pathMs, slots);
    }
    const prior = this.#pool.prospects(state, backend, speeds(backend));
    const isKnown = this.graph.visits(state.unit) >= MIN_VISITS;
    const byGraph = isKnown && this.graph.rankMs(state.unit, backend, speeds, state.fanOut);
    const evidence = sampled ?? prior;
    if (byGraph) {
      return evidence
        ? pricedRankMs(byGraph, sum(evidence.workMs), sum(evidence.pathMs), slots)
        : byGraph;
    }
    return evidence ? shrunkRankMs(sampled, prior, query) : priorMs(query);
  }

  /** From which of its sources the rank of a state comes, and of how many samples. */
  rankSource({ state, backend, speeds }: RankQuery): {
    readonly source: 'samples' | 'graph' | 'prior';
    readonly samples: number;
    /** The largest work of these, slot-ms; 0 without any. */
    readonly mostMs: number;
  } {
    const sampled = this.samples.prospects(state, backend, speeds)?.workMs ?? EMPTY;
    const mostMs = sampled.reduce((most, ms) => Math.max(most, ms), 0);
    const isKnown = this.graph.visits(state.unit) >= MIN_VISITS;
    const source = sampled.length >= MIN_SAMPLES ? 'samples' : isKnown ? 'graph' : 'prior';
    return { source, samples: sampled.length, mostMs };
  }

  /** Total work of the backend in each finished run, slot-ms; empty where there is none. */
  totalMs(backend: string, speeds: Speeds): Float64Array {
    return this.samples.totalMs(backend, speeds);
  }

  /** Mean work that the run still asks of the backend, slot-ms. */
  meanRemainingMs(query: RankQuery): number {
    const { state, backend, speeds } = query;
    const prospects = this.samples.prospects(state, backend, speeds);
    const beyond = prospects?.workMs.filter((x) => x > query.attainedMs);
    if (!beyond || beyond.length === 0) return this.rankMs(query);
    return sum(beyond) / beyond.length - query.attainedMs;
  }

  /** Distribution of the time from this visit's submission to the end of a run that never waits. */
  timeLeft(query: RankQuery): TimeLeft {
    const { state, backend, attainedMs, speeds } = query;
    const prospects =
      this.samples.prospects(state, backend, speeds) ??
      this.#pool.prospects(state, backend, speeds(backend));
    if (!prospects || prospects.pathMs.length === 0) {
      const guessMs = priorMs(query);
      return { soonMs: 0, lateMs: guessMs, workMs: guessMs };
    }
    const path = prospects.pathMs.sort();
    const quantile = (share: number) => path[Math.floor(share * (path.length - 1))] ?? 0;
    const workMs = sum(prospects.workMs) / path.length - attainedMs;
    return {
      soonMs: quantile(SOON_QUANTILE),
      lateMs: quantile(1) * LATE_MARGIN,
      workMs: Math.max(0, workMs),
    };
  }

  /** Probability that the run needs the backend, soon and at all; both 0 without samples. */
  need(query: NeedQuery): NeedChances {
    return needChances(this.samples.needTimes(query.state, query.backend), query);
  }

  /**
   * Mean number of needs of a backend within `withinMs` from now by runs that have not arrived yet,
   * if `perMs` runs arrive per millisecond and reach the backend as early as finished runs did.
   * Runs that begin there are not counted: they are that backend's own arrivals
   * (arrivals/arrivals.ts).
   */
  expectedNeeds(backend: string, perMs: number, withinMs: number): number {
    const { ms, samples } = this.samples.firstNeedTimes(backend);
    let leftMs = 0;
    for (let i = 0; i < ms.length; i += 1) {
      const need = ms[i] ?? 0;
      if (need >= withinMs) break;
      if (need > 0) leftMs += withinMs - need;
    }
    return samples > 0 ? (perMs * leftMs) / samples : 0;
  }

  view(): ApplicationView {
    return {
      app: this.app,
      ...(this.#label === undefined ? {} : { label: this.#label }),
      runs: this.graph.runs,
      units: this.graph.view(),
      sample_bytes: this.samples.byteLength,
    };
  }
}

/**
 * Rank of a run at a unit that was seen once or never: its own samples count 1 each, the prior's 3
 * in all. The samples can raise the rank above the built-in guess but not lower it: among finished
 * runs the short ones come first, and an unknown application that is served early is soon known.
 */
function shrunkRankMs(
  sampled: Prospects | undefined,
  prior: Prospects | undefined,
  query: RankQuery,
) {
  const sizes = [...(sampled?.workMs ?? []), ...(prior?.workMs ?? [])];
  const priorWeight = prior ? PRIOR_WEIGHT / prior.workMs.length : 0;
  const weights = sizes.map((_, i) => (i < (sampled?.workMs.length ?? 0) ? 1 : priorWeight));
  const rankMs = RankTable.of(sizes, weights).rankAt(query.attainedMs);
  const paths = sum(sampled?.pathMs ?? EMPTY) + sum(prior?.pathMs ?? EMPTY);
  return Math.max(priorMs(query), pricedRankMs(rankMs, sum(sizes), paths, query.slots));
}

/** Adds to each value; none falls below a share of what it was. */
function addTo(values: Float64Array, extraMs: number): void {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    values[i] = Math.max(value * LEAST_SHARE, value + extraMs);
  }
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i += 1) total += values[i] ?? 0;
  return total;
}

/** Work assumed for a visit of an unknown unit, slot-ms: its input, and a usual output per call. */
export function priorMs({ state, backend, speeds }: RankQuery): number {
  const calls = Math.max(1, state.fanOut);
  if (state.inputTokens === 0) return calls * PRIOR_SERVICE_MS;
  const perCall = { input: state.inputTokens, output: PRIOR_OUTPUT_TOKENS };
  return calls * workMs(perCall, speeds(backend));
}
