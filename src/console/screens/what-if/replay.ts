/**
 * Replays recorded runs in the simulator, which drives the dispatcher of src/core: the same
 * decisions as the edge would make. Pure; replay-worker.ts runs it beside the page.
 */

import type { Cluster, SimBackend } from '../../../../scripts/sim/sim-backend.ts';
import { simulate } from '../../../../scripts/sim/simulator.ts';
import type { TracedBackend } from '../../../protocol/console/trace.ts';
import type { BackendScenario, Scenario } from './scenario.ts';
import type { Trace } from './trace.ts';

/** One run's completion time, ms; NaN where it was given up. */
export interface Completion {
  readonly app: string;
  readonly ms: number;
}

export interface Replay {
  /** In the order of the runs. */
  readonly completions: readonly Completion[];
  /** Of all endpoints that can go cold. */
  readonly warmMs: number;
  /** Sum over calls. */
  readonly coldWaitMs: number;
  readonly wakes: number;
  /** Null where no price is set. */
  readonly money: number | null;
}

/** Steps between two words about the progress. */
const PROGRESS_STEPS = 500;

/** `progress` is told the share of the arrivals that are over, now and then. */
export function replay(
  { head, runs }: Trace,
  scenario: Scenario,
  progress: (share: number) => void = () => undefined,
): Replay {
  const last = runs.at(-1)?.arrival_ms ?? 0;
  let steps = 0;
  const result = simulate(runs, clusterOf(head.backends, scenario.backends, runs), {
    policy: scenario.order,
    alpha: head.alpha,
    weights: head.weights,
    theta: scenario.theta,
    seed: 1,
    prewarm: scenario.waking,
    keepAliveMs: scenario.keepAliveS * 1_000,
    history: [],
    observe: (atMs) => {
      steps += 1;
      if (steps % PROGRESS_STEPS === 0) progress(Math.min(1, last > 0 ? atMs / last : 1));
    },
  });
  const warmMs = [...result.warmMs.values()].reduce((sum, ms) => sum + ms, 0);
  const { pricePerWarmSecond: price } = scenario;
  return {
    completions: result.runs.map(({ run, completedMs }) => ({
      app: run.app,
      ms: completedMs - run.arrival_ms,
    })),
    warmMs,
    coldWaitMs: result.coldWaitMs,
    wakes: result.pings,
    money: price === null ? null : (warmMs / 1_000) * price,
  };
}

/** What really happened, of runs that ended. */
export function recorded({ runs }: Trace): Completion[] {
  return runs.flatMap(({ app, arrival_ms, finished_ms }) =>
    finished_ms === undefined ? [] : [{ app, ms: finished_ms - arrival_ms }],
  );
}

/** Backends that exist no more, and the clients' own units, have no limit of slots. */
function clusterOf(
  traced: readonly TracedBackend[],
  scenarios: readonly BackendScenario[],
  runs: Trace['runs'],
): Cluster {
  const cluster = new Map<string, SimBackend>();
  for (const { units } of runs) {
    for (const { backend, calls } of units) {
      const measuresTokens = calls.some((call) => !('service_ms' in call));
      if (measuresTokens || !cluster.has(backend)) cluster.set(backend, unlimited(measuresTokens));
    }
  }
  for (const { backend, speed } of traced) {
    const scenario = scenarios.find((s) => s.backend === backend);
    const used = cluster.get(backend);
    if (!scenario || !used) continue;
    const { coldStartS, idleTimeoutS, slots, endpoints } = scenario;
    cluster.set(backend, {
      ...used,
      slots,
      endpointSlots: new Array<number | null>(endpoints).fill(slots),
      prefillMsPerToken: speed.inputMs,
      decodeMsPerToken: speed.outputMs,
      ...(coldStartS === null ? {} : { coldStartMs: coldStartS * 1_000 }),
      ...(coldStartS === null || idleTimeoutS === null
        ? {}
        : { idleTimeoutMs: idleTimeoutS * 1_000 }),
    });
  }
  return cluster;
}

/** Speeds of a usual GPU, for a backend of which nothing is known any more. */
function unlimited(measuresTokens: boolean): SimBackend {
  return {
    slots: null,
    measuresTokens,
    prefillMsPerToken: measuresTokens ? 0.1 : 0,
    decodeMsPerToken: measuresTokens ? 20 : 0,
  };
}
