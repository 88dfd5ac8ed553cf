/** What the configuration says of one backend: its endpoints, its queue, its speed and its prewarming. */
import type { Speed } from '../runs/demand.ts';
import type { EndpointSpec } from './endpoint-state.ts';

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

/** Without limit where absent. */
export interface BudgetLimits {
  readonly warmMs?: number;
  readonly money?: number;
}
