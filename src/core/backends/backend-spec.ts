/**
 * The specification of one backend, as configured: its endpoints, its queue, its speed and its
 * prewarming. The backend's state is in backend.ts.
 */
import type { AdaptersSpec } from '../adapters/adapter-load.ts';
import type { Speed } from '../runs/demand.ts';
import type { EndpointSpec } from './endpoint-state.ts';

export interface BackendSpec {
  readonly endpoints: readonly EndpointSpec[];
  /** Maximum number of waiting calls; another one is refused. */
  readonly queueDepth: number;
  /** Maximum bytes of the bodies of waiting calls; no limit where absent. */
  readonly queueBytes?: number;
  /** Share of the queue that calls of one API key may have, 0 to 1; all of it where absent. */
  readonly keyQueueShare?: number;
  /** Whether API keys share the slots fairly (order/key-shares.ts); they do where absent. */
  readonly fairKeys?: boolean;
  /** Longest wait for a slot, ms: while an endpoint is warm, and while none is. */
  readonly maxWaitMs: number;
  readonly maxWaitColdMs: number;
  /**
   * What happens to calls while every endpoint is cold. `hold`: calls wait in the queue, where they
   * can still be ordered, while an endpoint is woken. `send`: calls are sent and wait in the
   * platform's queue.
   */
  readonly whileCold: 'hold' | 'send';
  /** Speed assumed until calls have been observed. */
  readonly speed: Speed;
  readonly prewarm: PrewarmSpec;
  /** Whether calls go where their prefix is cached; absent: `hold` with several endpoints. */
  readonly affinity?: Affinity;
  /** Models that an engine loads by request beside its base model; none where absent. */
  readonly adapters?: AdaptersSpec;
  /** True where another backend takes over: calls do not wait while every circuit is open. */
  readonly failover?: boolean;
  /** True where isolates of the Worker may borrow its free slots (config/lending.ts). */
  readonly lends?: boolean;
}

/**
 * `prefer`: of the endpoints with a free slot, a call takes the one where its prompt is read soonest.
 * `hold`: it may also wait for a busy endpoint that has its prefix, while that is expected to be
 * sooner. `off`: the emptiest endpoint takes it.
 */
export const AFFINITIES = ['hold', 'prefer', 'off'] as const;
export type Affinity = (typeof AFFINITIES)[number];

export interface PrewarmSpec {
  /** `dry-run` decides and records, but does not wake or release. */
  readonly mode: 'off' | 'dry-run' | 'on';
  /** Probability of a need from which warming pays: c / (c + v), see prewarm.ts. */
  readonly theta: number;
  /** Endpoints that have woken read what calls to come are expected to begin with. */
  readonly prefix?: boolean;
  /** In money; where absent, nothing is counted in money. */
  readonly pricePerWarmSecond?: number;
  /** Limit a day for pings ahead of need at this backend. */
  readonly budget?: BudgetLimits;
}

/** Limits a UTC day, in warm time (ms) and in money; an absent field is no limit. */
export interface BudgetLimits {
  readonly warmMs?: number;
  readonly money?: number;
}

/** How its calls are placed; without a choice between endpoints there is nothing to prefer. */
export function affinityOf({ endpoints, affinity }: BackendSpec): Affinity {
  return endpoints.length < 2 ? 'off' : (affinity ?? 'hold');
}
