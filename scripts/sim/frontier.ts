/**
 * The cost and benefit of prewarming: cold wait against warm time for each rule over its parameter,
 * both as shares of what waking on demand has.
 */
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type { Cluster } from './cluster.ts';
import { type SimOptions, type SimResult, simulate } from './simulator.ts';

export type RuleName = 'keep-alive' | 'paper' | 'talaria' | 'oracle';

export interface FrontierPoint {
  /** The value of the rule's parameter: seconds of keep-alive, K or theta. */
  readonly parameter: number;
  /** Warm time and cold wait, as shares of waking on demand. */
  readonly warmShare: number;
  readonly coldWaitShare: number;
}

export interface Frontier {
  /** Warm time and cold wait of waking on demand, in ms. */
  readonly warmMs: number;
  readonly coldWaitMs: number;
  readonly curves: ReadonlyMap<RuleName, readonly FrontierPoint[]>;
}

/** The parameter values at which each rule is simulated. */
export interface Grid {
  readonly keepAliveS: readonly number[];
  readonly k: readonly number[];
  readonly thetas: readonly number[];
}

const KEEP_ALIVE_S = [15, 30, 45, 60, 75, 90, 120, 180, 300, 600, 1_200];
const PAPER_K = [0.1, 0.3, 0.5, 0.7, 0.9];
const THETAS = [
  0.999, 0.99, 0.97, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1, 0.07,
  0.05, 0.03, 0.02, 0.01,
];

const FINE: Grid = { keepAliveS: KEEP_ALIVE_S, k: PAPER_K, thetas: THETAS };
/** A coarser grid, for comparisons over many traces. */
export const COARSE: Grid = {
  keepAliveS: [15, 30, 45, 60, 90, 120, 240, 480, 960],
  k: [0.1, 0.3, 0.5, 0.7, 0.9],
  thetas: [
    0.999, 0.995, 0.99, 0.98, 0.96, 0.93, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08,
    0.05, 0.03, 0.015,
  ],
};

export function frontierOf(
  trace: readonly RecordedRun[],
  cluster: Cluster,
  options: SimOptions,
  grid: Grid = FINE,
): Frontier {
  const run = (extra: Partial<SimOptions>) =>
    simulate(trace, cluster, { ...options, observe: () => {}, release: true, ...extra });
  const base = run({ prewarm: 'off' });
  const warmMs = sumOf(base);
  const point = (parameter: number, result: SimResult): FrontierPoint => ({
    parameter,
    warmShare: sumOf(result) / warmMs,
    coldWaitShare: result.coldWaitMs / base.coldWaitMs,
  });
  const curves = new Map<RuleName, readonly FrontierPoint[]>([
    [
      'keep-alive',
      grid.keepAliveS.map((s) => point(s, run({ prewarm: 'keep-alive', keepAliveMs: s * 1_000 }))),
    ],
    ['paper', grid.k.map((k) => point(k, run({ prewarm: 'paper', k, release: false })))],
    ['talaria', grid.thetas.map((theta) => point(theta, run({ prewarm: 'talaria', theta })))],
    ['oracle', [point(0, run({ prewarm: 'oracle' }))]],
  ]);
  return { warmMs, coldWaitMs: base.coldWaitMs, curves };
}

function sumOf({ warmMs }: SimResult): number {
  let sum = 0;
  for (const ms of warmMs.values()) sum += ms;
  return sum;
}
