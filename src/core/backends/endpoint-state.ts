/**
 * The data types of an endpoint: its specification, its state, its wakes and their outcomes, and
 * its snapshot. The behaviour is in endpoint.ts.
 */
import type { IdleSnapshot } from './learned-idle.ts';
import type { StartSnapshot } from './learned-start.ts';
import type { WatchedStart } from './start-watch.ts';

export interface ColdStartSpec {
  /** Time from a wake until the endpoint answers, ms; used until one was measured. */
  readonly estimateMs: number;
  /** Idle time after which the platform lets it go cold, ms; used until one was learned. */
  readonly idleTimeoutMs: number;
  /** Pings that keep it warm are never closer than this, ms; 6 s where absent. */
  readonly leastPingMs?: number;
  /** True where the endpoint can be told to go cold before that. */
  readonly releasable?: boolean;
  /** True where an endpoint that has just woken gets few calls at first (slow-start.ts). */
  readonly slowStart?: boolean;
}

export interface EndpointSpec {
  /** Unique within the backend. */
  readonly id: string;
  /** Calls at a time; Infinity for no limit. */
  readonly slots: number;
  /** Where it is; another address is another engine with another cache. */
  readonly address?: string;
  /** Tokens that its prefix cache holds; learned where absent. */
  readonly kvCacheTokens?: number;
  /** Adapters that it holds at a time; 1 where absent. */
  readonly maxAdapters?: number;
  /** Absent where the endpoint never goes cold. */
  readonly coldStart?: ColdStartSpec;
}

export type EndpointState = 'cold' | 'warming' | 'warm' | 'draining';

/**
 * Why an endpoint is woken: calls wait, a need is forecast, its idle timeout ends soon, or the
 * administrator asked for it.
 */
export type WakeCause = 'demand' | 'prewarm' | 'keep-warm' | 'operator';

/** How a wake turned out; `late`: the first call still waited for the cold start. */
export type WakeOutcome = 'used' | 'late' | 'wasted' | 'failed';

export interface Wake {
  readonly cause: WakeCause;
  /** When the wake began, epoch ms. */
  readonly at: number;
  /** Explanation for people, and for the accounting of forecasts. */
  readonly reason: string;
  /** Probability of need that the forecast gave; 1 for demand. */
  readonly probability: number;
  /** When the endpoint would have gone cold without it, epoch ms; absent where it was cold. */
  readonly coldAt?: number;
  /** Pings of a chain that kept the endpoint warm without a call between them; 1 where absent. */
  readonly pings?: number;
  /** When the first ping of the chain began, epoch ms. */
  readonly since?: number;
}

/** `serving`: warm, with calls. */
export type Phase = EndpointState | 'serving';

/** Times are epoch ms. */
export interface Segment {
  readonly phase: Phase;
  /** True where it was paused by hand. */
  readonly paused?: boolean;
  readonly from: number;
  readonly until: number;
}

/** The segment that is open; what survives a restart. */
export interface TimelineSnapshot {
  readonly phase: Phase;
  readonly paused?: boolean;
  readonly from: number;
}

/** What survives a restart of what is learned; fields that earlier versions lack are optional. */
export interface EndpointLearningSnapshot extends StartSnapshot {
  /** The learned idle timeout, ms; absent before the first observation. */
  readonly idleTimeoutMs?: number;
  readonly idle?: IdleSnapshot;
  /** The start that is watched. */
  readonly start?: WatchedStart;
  /** True where the platform was seen to hold a request until it was ready. */
  readonly holds?: boolean;
}

/** Why a request to a platform failed, for the operator. */
export interface PlatformError {
  /** Epoch ms. */
  readonly at: number;
  /** Short, without the endpoint's key. */
  readonly reason: string;
}

/** What survives a restart. */
export interface EndpointSnapshot extends EndpointLearningSnapshot {
  readonly state: EndpointState;
  readonly lastActiveAt: number;
  /** The wake whose outcome was not known yet. */
  readonly wake?: Wake;
  /** True where it was told to go cold, and did. */
  readonly released?: boolean;
  /** Absent: not known to refuse. */
  readonly refusesWhileCold?: boolean;
  readonly wakeError?: PlatformError;
  readonly releaseError?: PlatformError;
  /** Since when it is paused, epoch ms. */
  readonly pausedAt?: number;
  /** True where it was let go by hand, and no ping wakes it. */
  readonly letGo?: boolean;
  readonly timeline?: TimelineSnapshot;
}
