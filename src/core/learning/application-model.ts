/**
 * All that is known of one application, and the one place that turns it into numbers: the rank of a
 * waiting run, its mean remaining work, the chance that it needs a backend soon.
 *
 * The rank is exact Gittins on whole-run samples where a state has at least 20 of them, Gittins by
 * unit on the graph below that, and a prior for a unit that was never seen.
 */

import { pricedRankMs } from '../gittins/critical-path.ts';
import { RankTable, rankOnce } from '../gittins/gittins.ts';
import { type Speeds, workMs } from '../runs/demand.ts';
import type { RecordedRun } from '../runs/recorded-run.ts';
import type { VisitState } from '../runs/visit-state.ts';
import { DemandGraph, type UnitView } from './demand-graph.ts';
import { LearnedSilence } from './learned-silence.ts';
import { PRIOR_WEIGHT, type PriorPool, type Prospects } from './prior-pool.ts';
import type { Random } from './random.ts';
import { VisitSamples } from './visit-samples.ts';

/** With fewer samples of a state than this, the graph ranks. */
const SAMPLES_TO_RANK_BY = 20;
/** With fewer visits of a unit than this, the prior does. */
const VISITS_TO_RANK_BY = 2;
/** What is assumed of a call of which nothing is known. */
const PRIOR_OUTPUT_TOKENS = 200;
const PRIOR_SERVICE_MS = 2_000;
/** A deadline nearer than this quantile of the time that is left is lost. */
const ALL_BUT_LOST = 0.05;
/** On the longest time that was seen: calls wait a little even if they go first. */
const LATE_MARGIN = 1.4;
const NONE = new Float64Array(0);

export interface RankQuery {
  readonly state: VisitState;
  readonly backend: string;
  /** Work that this visit already had from the backend, in ms: the run's age in its state. */
  readonly attainedMs: number;
  readonly speeds: Speeds;
  /** Slots of the backend in all; Infinity for no limit. */
  readonly slots: number;
}

export interface NeedQuery {
  readonly state: VisitState;
  readonly backend: string;
  /** Time since the visit's service began, ms; negative by the wait that is still expected. */
  readonly elapsedMs: number;
  /** Calls of the visit still wait or run. */
  readonly inVisit: boolean;
  readonly withinMs: number;
}

/** Probabilities of a need. */
export interface NeedChances {
  /** Within the time asked for. */
  readonly within: number;
  /** At any time from now on. */
  readonly ever: number;
}

/** Of the runs that resemble one, from its present visit on. */
export interface TimeLeft {
  /** One of twenty was over so soon, ms. */
  readonly soonMs: number;
  /** All were over by then, with a margin, ms. */
  readonly lateMs: number;
  /** Mean work that they asked of the backend, ms. */
  readonly workMs: number;
}

/** What of the model people see. */
export interface ApplicationView {
  readonly app: string;
  readonly runs: number;
  readonly units: readonly UnitView[];
  readonly sample_bytes: number;
}

export class ApplicationModel {
  readonly app: string;
  readonly graph = new DemandGraph();
  readonly samples: VisitSamples;
  readonly #pool: PriorPool;
  /** Pauses inside finished runs: silence well beyond them means that a run has ended. */
  readonly silence = new LearnedSilence();

  constructor(app: string, pool: PriorPool) {
    this.app = app;
    this.#pool = pool;
    this.samples = new VisitSamples(pool);
  }

  learn(run: RecordedRun, at: number, speeds: Speeds, random: Random): void {
    if (this.graph.learn(run, speeds)) this.samples.fade(random);
    this.samples.learn(run, at, speeds, random);
    for (const unit of this.graph.takeForgotten()) this.samples.forget(unit);
    for (const visit of run.units.slice(0, -1)) {
      this.silence.observe(visit.gap_ms ?? 0);
    }
  }

  /** Gittins rank in ms of the backend's slots: finite and positive, lower goes first. */
  rankMs(query: RankQuery): number {
    const { state, backend, attainedMs, speeds, slots } = query;
    const own = this.samples.prospects(state, backend, speeds);
    if (own && own.workMs.length >= SAMPLES_TO_RANK_BY) {
      // Before the rank, which sorts the sizes in place.
      const [workMs, pathMs] = [sum(own.workMs), sum(own.pathMs)];
      return pricedRankMs(rankOnce(own.workMs, attainedMs), workMs, pathMs, slots);
    }
    const prior = this.#pool.prospects(state, backend, speeds(backend));
    const known = this.graph.visits(state.unit) >= VISITS_TO_RANK_BY;
    const byGraph = known && this.graph.rankMs(state.unit, backend, speeds, state.fanOut);
    const like = own ?? prior;
    if (byGraph) {
      return like ? pricedRankMs(byGraph, sum(like.workMs), sum(like.pathMs), slots) : byGraph;
    }
    return like ? shrunkRankMs(own, prior, query) : priorMs(query);
  }

  /** Work of the backend in whole finished runs, in ms; empty where there are none. */
  totalMs(backend: string, speeds: Speeds): Float64Array {
    return this.samples.totalMs(backend, speeds);
  }

  /** Mean work that the run still asks of the backend, in ms. */
  meanRemainingMs(query: RankQuery): number {
    const { state, backend, speeds } = query;
    const seen = this.samples.prospects(state, backend, speeds);
    const beyond = seen?.workMs.filter((x) => x > query.attainedMs);
    if (!beyond || beyond.length === 0) return this.rankMs(query);
    return sum(beyond) / beyond.length - query.attainedMs;
  }

  /** How long the run still takes from this visit's submission, if it never waits again. */
  timeLeft(query: RankQuery): TimeLeft {
    const { state, backend, attainedMs, speeds } = query;
    const seen =
      this.samples.prospects(state, backend, speeds) ??
      this.#pool.prospects(state, backend, speeds(backend));
    if (!seen || seen.pathMs.length === 0) {
      const guess = priorMs(query);
      return { soonMs: 0, lateMs: guess, workMs: guess };
    }
    const path = seen.pathMs.sort();
    const at = (share: number) => path[Math.floor(share * (path.length - 1))] ?? 0;
    const workMs = sum(seen.workMs) / path.length - attainedMs;
    return { soonMs: at(ALL_BUT_LOST), lateMs: at(1) * LATE_MARGIN, workMs: Math.max(0, workMs) };
  }

  /** How likely the run needs the backend, and how soon. Both 0 where nothing is known. */
  need(query: NeedQuery): NeedChances {
    const { state, backend, elapsedMs, inVisit, withinMs } = query;
    let possible = 0;
    let ever = 0;
    let within = 0;
    for (const need of this.samples.needMs(state, backend)) {
      let inMs = need - elapsedMs;
      if (inMs < 0) {
        // The need is overdue. A visit that is over led elsewhere; one that still runs takes longer
        // than it took then, and is expected to go on for as long as it is late.
        if (!inVisit) continue;
        inMs = -inMs;
      }
      possible += 1;
      if (inMs < Infinity) ever += 1;
      if (inMs <= withinMs) within += 1;
    }
    // One more that did not, or a few samples that all did would make the need certain.
    return { within: within / (possible + 1), ever: ever / (possible + 1) };
  }

  /**
   * Needs of a backend, within a time from now, by runs that have not arrived yet: of `perMs` runs
   * a millisecond those that come to it as soon as earlier ones did. Runs that begin there are not
   * counted: they are that backend's own arrivals.
   */
  expectedNeeds(backend: string, perMs: number, withinMs: number): number {
    const needs = this.samples.firstNeedMs(backend);
    if (needs.length === 0) return 0;
    let leftMs = 0;
    for (const need of needs) if (need > 0 && need < withinMs) leftMs += withinMs - need;
    return (perMs * leftMs) / needs.length;
  }

  view(): ApplicationView {
    return {
      app: this.app,
      runs: this.graph.runs,
      units: this.graph.view(),
      sample_bytes: this.samples.byteLength,
    };
  }
}

/**
 * A unit seen once or never: own samples count 1 each, the prior's 3 in all. Those that others left
 * can only make a run dearer than the built-in guess, not cheaper: among finished runs the short ones
 * come first, and an unknown application that is tried early is soon known.
 */
function shrunkRankMs(own: Prospects | undefined, prior: Prospects | undefined, query: RankQuery) {
  const sizes = [...(own?.workMs ?? []), ...(prior?.workMs ?? [])];
  const each = prior ? PRIOR_WEIGHT / prior.workMs.length : 0;
  const weights = sizes.map((_, i) => (i < (own?.workMs.length ?? 0) ? 1 : each));
  const rankMs = RankTable.of(sizes, weights).rankAt(query.attainedMs);
  const paths = sum(own?.pathMs ?? NONE) + sum(prior?.pathMs ?? NONE);
  return Math.max(priorMs(query), pricedRankMs(rankMs, sum(sizes), paths, query.slots));
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i += 1) total += values[i] ?? 0;
  return total;
}

/** Work assumed of a visit of an unknown unit: what its calls bring, and a usual answer to each. */
export function priorMs({ state, backend, speeds }: RankQuery): number {
  const calls = Math.max(1, state.fanOut);
  if (state.inputTokens === 0) return calls * PRIOR_SERVICE_MS;
  const each = { input: state.inputTokens, output: PRIOR_OUTPUT_TOKENS };
  return calls * workMs(each, speeds(backend));
}
