/** Simulates each policy and collects the data of the charts and the table. */

import type { Scenario } from '../sim/arguments.ts';
import type { Cluster } from '../sim/cluster.ts';
import { showProgress } from '../sim/compare.ts';
import type { ForecastSample } from '../sim/forecast-sampler.ts';
import { type Frontier, frontierOf } from '../sim/frontier.ts';
import { type SimOptions, type SimResult, type SimRun, simulate } from '../sim/simulator.ts';
import { isolatedMs } from './isolated-time.ts';
import { QueueRecorder, type QueueStep } from './queue-length.ts';

/** The time between two forecasts that are recorded for the calibration chart. */
const FORECAST_EVERY_MS = 5_000;

export type PolicyChoice = SimOptions['policy'];

export interface PolicyMeasure {
  readonly policy: PolicyChoice;
  /** One result for each seed. */
  readonly results: readonly SimResult[];
  /** The number of waiting calls by backend, with the first seed. */
  readonly queue: ReadonlyMap<string, readonly QueueStep[]>;
}

export interface Measured {
  readonly scenario: Scenario;
  readonly seeds: number;
  readonly policies: readonly PolicyMeasure[];
  /** Present if a backend can go cold and calls waited for cold starts. */
  readonly frontier?: Frontier;
  readonly forecasts?: readonly ForecastSample[];
}

export function measure(
  scenario: Scenario,
  policies: readonly PolicyChoice[],
  seeds: number,
): Measured {
  const measures = policies.map((policy, i) => {
    showProgress(i, policies.length);
    const recorder = new QueueRecorder();
    const results = Array.from({ length: seeds }, (_, s) =>
      simulate(scenario.trace, scenario.cluster, {
        ...scenario.options,
        policy,
        seed: scenario.options.seed + s,
        ...(s === 0 ? { observe: recorder.observe } : {}),
      }),
    );
    return { policy, results, queue: recorder.series };
  });
  showProgress(policies.length, policies.length);
  return { scenario, seeds, policies: measures, ...measurePrewarming(scenario) };
}

function measurePrewarming({ trace, cluster, options }: Scenario): Partial<Measured> {
  if (![...cluster.values()].some((b) => b.coldStartMs !== undefined)) return {};
  const base = { ...options, policy: 'fcfs' as const };
  const frontier = frontierOf(trace, cluster, base);
  if (frontier.coldWaitMs === 0) return {};
  const { forecasts } = simulate(trace, cluster, {
    ...base,
    prewarm: 'talaria',
    release: true,
    forecastEveryMs: FORECAST_EVERY_MS,
  });
  return { frontier, forecasts };
}

export function completionMs({ run, completedMs }: SimRun): number {
  return completedMs - run.arrival_ms;
}

/** Completion times of the runs of all seeds, sorted. */
export function completionsOf({ results }: PolicyMeasure): number[] {
  return results.flatMap(({ runs }) => runs.map(completionMs)).sort((a, b) => a - b);
}

/**
 * Completion time divided by isolated time, by application, over all seeds. Runs without work are
 * left out.
 */
export function slowdownsOf({ results }: PolicyMeasure, cluster: Cluster): Map<string, number[]> {
  const byApp = new Map<string, number[]>();
  for (const simRun of results.flatMap((r) => r.runs)) {
    const alone = isolatedMs(simRun.run, cluster);
    if (alone === 0) continue;
    const slowdowns = byApp.get(simRun.run.app) ?? [];
    slowdowns.push(completionMs(simRun) / alone);
    byApp.set(simRun.run.app, slowdowns);
  }
  return byApp;
}
