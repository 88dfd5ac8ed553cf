/** The options and the result of a simulation (simulator.ts). */

import type { Affinity, BudgetLimits } from '../../src/core/backends/backend-spec.ts';
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { PolicyName } from '../../src/core/order/policies/registry.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type { IsLike } from '../../src/core/waits/scene-builder.ts';
import type { PrefixFigures } from './first-tokens.ts';
import type { ForecastSample } from './forecast-sampler.ts';

/**
 * `talaria` wakes by `theta` and `paper` by `k`; `keep-alive` holds for `keepAliveMs` after a call;
 * `oracle` knows the trace.
 */
export const PREWARM_MODES = ['off', 'keep-alive', 'paper', 'talaria', 'oracle'] as const;
export type PrewarmMode = (typeof PREWARM_MODES)[number];

export interface SimOptions {
  readonly policy: PolicyName | 'srpt';
  readonly alpha: number;
  /** Weights of applications; 1 where absent. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly theta: number;
  readonly seed: number;
  readonly prewarm: PrewarmMode;
  /** How the dispatcher heeds prefix caches; its default where absent. */
  readonly affinity?: Affinity;
  readonly k?: number;
  readonly keepAliveMs?: number;
  /** Lets the dispatcher make idle backends go cold before their idle timeout. */
  readonly release?: boolean;
  /** Limit a UTC day for wakes ahead of need, at each backend. */
  readonly budget?: BudgetLimits;
  /** The time in ms between forecasts of the need for each idle backend, for calibration. */
  readonly forecastEveryMs?: number;
  /** Time goes on until then, ms, though no run is left; warm time and pings are up to then. */
  readonly untilMs?: number;
  /** Time without a served call after which runs are given up, ms; a day where absent. */
  readonly downMs?: number;
  /** Finished runs to learn from before the first arrival. */
  readonly history: readonly RecordedRun[];
  /** Leaves finished runs out of what told waits are drawn from. */
  readonly isLike?: IsLike;
  /** Restarts of the dispatcher's process, ascending. */
  readonly restarts?: readonly SimRestart[];
  /** The dispatcher's clock at the start, epoch ms; 0 where absent. */
  readonly epochMs?: number;
  /** Leaps of the dispatcher's clock, ascending. */
  readonly clockLeaps?: readonly ClockLeap[];
  /**
   * Called for each step with the events that the dispatcher got and the effects that it returned.
   */
  readonly observe?: Observer;
}

export interface SimRestart {
  readonly atMs: number;
  /** How old what was stored last is, ms. */
  readonly lostMs: number;
}

export interface ClockLeap {
  readonly atMs: number;
  /** Negative: back. */
  readonly byMs: number;
}

export type Observer = (
  atMs: number,
  events: readonly DispatchEvent[],
  effects: readonly Effect[],
) => void;

export interface SimRun {
  readonly run: RecordedRun;
  /** NaN for a run that its client gave up. */
  readonly completedMs: number;
}

export interface SimResult {
  /** Runs in the order of the trace. */
  readonly runs: readonly SimRun[];
  readonly coldStarts: number;
  readonly coldWaitMs: number;
  readonly coldWaitByBackend: ReadonlyMap<string, number>;
  /** By backend; only backends that can go cold. */
  readonly warmMs: ReadonlyMap<string, number>;
  /** Wakes ahead of need. */
  readonly pings: number;
  readonly forecasts: readonly ForecastSample[];
  /** Of all model calls, and of those submitted from a fifth of the last arrival on to the last. */
  readonly prefix: PrefixFigures;
  readonly steady: PrefixFigures;
  /** Of the first model calls after starts: how many, mean times to their first token and of prefill. */
  readonly afterStarts: {
    readonly calls: number;
    readonly firstTokenMeanMs: number;
    readonly prefillMeanMs: number;
  };
  /** Prefixes that endpoints read ahead of calls. */
  readonly prefixReads: number;
  /** Sum over calls of the time that a slot was free for them and they were held back, ms. */
  readonly heldMs: number;
}
