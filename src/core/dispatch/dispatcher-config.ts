/** What the dispatcher needs of a tenant's configuration; src/config derives it. */

import type { BackendSpec, BudgetLimits } from '../backends/backend-spec.ts';
import type { PolicyName } from '../order/policies/registry.ts';

export interface DispatcherConfig {
  readonly policy: PolicyName;
  /**
   * Weight of the arrival in the key: 0 is the pure policy, a larger one bounds waits more tightly.
   */
  readonly alpha: number;
  readonly backends: Readonly<Record<string, BackendSpec>>;
  /** Cost of prewarming per day, over all backends; without limit where absent. */
  readonly prewarmBudget?: BudgetLimits;
  /**
   * Priority by application: its ranks are divided by it; 1 for an application that is not listed.
   */
  readonly weights: Readonly<Record<string, number>>;
  /** Length of a lease from its grant and from each renewal, ms. */
  readonly leaseMs: number;
  /** Silence that ends a run until its application's pauses are known, ms. */
  readonly runSilenceMs: number;
  /** Least silence that ends a run once pauses are known, ms; `runSilenceMs` where absent. */
  readonly leastSilenceMs?: number;
  /** Calls of one run that may wait or run at the same time; without limit where absent. */
  readonly runCalls?: number;
  /** Most open runs of one API key; no limit where absent. */
  readonly openRuns?: number;
}

/** An application's weight. Own properties only: an application may be called "constructor". */
export function weightOf(weights: DispatcherConfig['weights'], app: string): number {
  return Object.hasOwn(weights, app) ? (weights[app] ?? 1) : 1;
}
