/** What the dispatcher must know of a tenant; src/config makes it of the tenant's configuration. */

import type { BackendSpec, BudgetLimits } from '../backends/backend-spec.ts';
import type { PolicyName } from '../order/policies/registry.ts';

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
