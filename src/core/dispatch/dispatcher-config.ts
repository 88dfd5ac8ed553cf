/** What the dispatcher must know of a tenant; src/config makes it of the tenant's configuration. */

import type { EndpointSpec } from '../backends/endpoint-state.ts';
import type { PolicyName } from '../order/policies/registry.ts';
import type { BudgetLimits } from '../prewarm/prewarm-budget.ts';
import type { Speed } from '../runs/demand.ts';

export interface BackendSpec {
  readonly endpoints: readonly EndpointSpec[];
  /** Calls that may wait at a time; one more is refused. */
  readonly queueDepth: number;
  /** Bytes of bodies that may wait at a time; without limit where absent. */
  readonly queueBytes?: number;
  /** Longest wait for a slot, ms, while an endpoint is warm / while all are cold. */
  readonly maxWaitMs: number;
  readonly maxWaitColdMs: number;
  /**
   * What happens to calls while every endpoint is cold. `hold`: they wait here, where they can still
   * be ordered, while one call wakes the endpoint. `send`: they go, and wait in the platform's queue.
   */
  readonly whileCold: 'hold' | 'send';
  /** Speed assumed until calls have told. */
  readonly speed: Speed;
  readonly prewarm: PrewarmSpec;
  /** There is a backend to fall back on: calls do not wait for endpoints that are all left alone. */
  readonly failover?: boolean;
}

export interface PrewarmSpec {
  /** `dry-run` decides and records, but does not ping. */
  readonly mode: 'off' | 'dry-run' | 'on';
  /** Probability of need from which warming pays: c / (c + v). */
  readonly theta: number;
  /** In money; nothing is counted in money where it is absent. */
  readonly pricePerWarmSecond?: number;
  /** What pings ahead of need may cost a day, at this backend. */
  readonly budget?: BudgetLimits;
}

export interface DispatcherConfig {
  readonly policy: PolicyName;
  /** Weight of arrival in the key: 0 is the pure policy, more bounds waits more tightly. */
  readonly alpha: number;
  readonly backends: Readonly<Record<string, BackendSpec>>;
  /** What pings ahead of need may cost a day, at all backends together; without limit if absent. */
  readonly prewarmBudget?: BudgetLimits;
  /** Priority of an application: its rank is divided by it. 1 where not named. */
  readonly weights: Readonly<Record<string, number>>;
  /** Time that a lease lasts without being renewed, ms. */
  readonly leaseMs: number;
  /** A run that has been silent for so long has ended, ms, until its application's pauses are known. */
  readonly runSilenceMs: number;
  /** Least silence that is learned, ms; `runSilenceMs` where absent. */
  readonly leastSilenceMs?: number;
  /** Calls of one run that may wait or run at a time; without limit where absent. */
  readonly runCalls?: number;
}
