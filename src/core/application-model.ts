/**
 * All that is known of one application, and the one place that turns it into numbers: the rank of a
 * waiting run, its mean remaining work, the chance that it needs a backend soon.
 *
 * The rank is exact Gittins on whole-run samples where a state has at least 20 of them, Gittins by
 * unit on the graph below that, and a prior for a unit that was never seen.
 */

import { type Speeds, workMs } from './demand.ts';
import { DemandGraph, type UnitView } from './demand-graph.ts';
import { rankOnce } from './gittins.ts';
import { LearnedSilence } from './learned-silence.ts';
import type { Random } from './random.ts';
import type { RecordedRun } from './recorded-run.ts';
import { VisitSamples, type VisitState } from './visit-samples.ts';

/** With fewer samples of a state than this, the graph ranks. */
const SAMPLES_TO_RANK_BY = 20;
/** What is assumed of a call of which nothing is known. */
const PRIOR_OUTPUT_TOKENS = 200;
const PRIOR_SERVICE_MS = 2_000;

export interface RankQuery {
  readonly state: VisitState;
  readonly backend: string;
  /** Work that this visit already had from the backend, in ms: the run's age in its state. */
  readonly attainedMs: number;
  readonly speeds: Speeds;
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
  readonly samples = new VisitSamples();
  /** Pauses inside finished runs: silence well beyond them means that a run has ended. */
  readonly silence = new LearnedSilence();

  constructor(app: string) {
    this.app = app;
  }

  learn(run: RecordedRun, at: number, speeds: Speeds, random: Random): void {
    this.graph.learn(run, speeds);
    this.samples.learn(run, at, speeds, random);
    for (const visit of run.units.slice(0, -1)) {
      this.silence.observe(visit.gap_ms ?? 0);
    }
  }

  /** Gittins rank in ms of the backend's slots: finite and positive, lower goes first. */
  rankMs(query: RankQuery): number {
    const { state, backend, attainedMs, speeds } = query;
    const remaining = this.#remainingMs(query);
    if (remaining.length >= SAMPLES_TO_RANK_BY) {
      return rankOnce(remaining, attainedMs);
    }
    return this.graph.rankMs(state.unit, backend, speeds, state.fanOut) ?? priorMs(query);
  }

  /** Work of the backend in whole finished runs, in ms; empty where there are none. */
  totalMs(backend: string, speeds: Speeds): Float64Array {
    return this.samples.totalMs(backend, speeds);
  }

  /** Mean work that the run still asks of the backend, in ms. */
  meanRemainingMs(query: RankQuery): number {
    const beyond = this.#remainingMs(query).filter((x) => x > query.attainedMs);
    if (beyond.length === 0) return this.rankMs(query);
    return beyond.reduce((sum, x) => sum + x - query.attainedMs, 0) / beyond.length;
  }

  /** Probability that the run needs the backend within a time. 0 where nothing is known. */
  needProbability(query: NeedQuery): number {
    const { state, backend, elapsedMs, inVisit, withinMs } = query;
    let possible = 0;
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
      if (inMs <= withinMs) within += 1;
    }
    return possible === 0 ? 0 : within / possible;
  }

  view(): ApplicationView {
    return {
      app: this.app,
      runs: this.graph.runs,
      units: this.graph.view(),
      sample_bytes: this.samples.byteLength,
    };
  }

  #remainingMs(query: RankQuery): Float64Array {
    return this.samples.remainingMs(query.state, query.backend, query.speeds);
  }
}

/** Work assumed of a visit of an unknown unit: what its calls bring, and a usual answer to each. */
export function priorMs({ state, backend, speeds }: RankQuery): number {
  const calls = Math.max(1, state.fanOut);
  if (state.inputTokens === 0) return calls * PRIOR_SERVICE_MS;
  const each = { input: state.inputTokens, output: PRIOR_OUTPUT_TOKENS };
  return calls * workMs(each, speeds(backend));
}
