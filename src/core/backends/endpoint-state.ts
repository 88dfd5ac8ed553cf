/**
 * What is said of an endpoint: what is configured, the state it is in, why it was woken and how that
 * turned out, and what is stored of it.
 */

export interface ColdStartSpec {
  /** Assumed time from a wake until it answers, in ms, until wakes have been seen. */
  readonly estimateMs: number;
  /** Time without calls after which the platform lets it go cold, in ms, until that was seen. */
  readonly idleTimeoutMs: number;
  /** It can be told to go cold before that. */
  readonly releasable?: boolean;
  /** Few calls are let in when it has just woken, then more (slow-start.ts). */
  readonly slowStart?: boolean;
}

export interface EndpointSpec {
  /** Names the endpoint within its backend. */
  readonly id: string;
  /** Calls at a time. */
  readonly slots: number;
  /** Absent: it never goes cold. */
  readonly coldStart?: ColdStartSpec;
}

export type EndpointState = 'cold' | 'warming' | 'warm' | 'draining';

/** Why an endpoint was woken. */
export type WakeCause = 'demand' | 'prewarm' | 'keep-warm';

/** How a wake ahead of need turned out. */
export type WakeOutcome = 'used' | 'late' | 'wasted' | 'failed';

export interface Wake {
  readonly cause: WakeCause;
  readonly at: number;
  /** Why: for people, and for the accounting of forecasts. */
  readonly reason: string;
  /** Probability of need that the forecast gave; 1 for demand. */
  readonly probability: number;
  /** When the endpoint would have gone cold without it, epoch ms; absent where it was cold. */
  readonly coldAt?: number;
}

/** What survives a restart. */
export interface EndpointSnapshot {
  readonly state: EndpointState;
  readonly lastActiveAt: number;
  readonly coldStartsMs: readonly number[];
  /** Idle timeout as it was learned, ms; absent until something was seen of it. */
  readonly idleTimeoutMs?: number;
  /** Its wake whose outcome was not known. */
  readonly wake?: Wake;
}
