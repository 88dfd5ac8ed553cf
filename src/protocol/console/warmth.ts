/**
 * The screen Warmth: when each endpoint was cold, warming, warm and serving, what was forecast and
 * came, each wake with its reason, price and outcome, and the money. Conventions are in session.ts.
 */

/** `GET tenants/:t/warmth?from=&to=`; at most 7 days, and at most 2,000 segments an endpoint. */
export interface WarmthView {
  readonly from: number;
  readonly to: number;
  /** Since when segments are recorded at the earliest. */
  readonly recordedFrom: number;
  readonly backends: readonly BackendWarmth[];
  /** Of the whole tenant, over all backends. */
  readonly money: WarmthMoney;
}

export interface BackendWarmth {
  readonly backend: string;
  readonly prewarm: 'off' | 'dry-run' | 'on';
  /** Probability of need from which an endpoint is woken. */
  readonly theta: number;
  /** What would be decided now for each endpoint is in `endpoints`; this is why. */
  readonly outlook: {
    /**
     * Probability that a run that has not arrived yet needs it within a cold start; null while calls
     * wait or run there.
     */
    readonly arrivalProbability: number | null;
    readonly arrivalsPerSecond: number;
    readonly coldStartMs: number;
    /** Runs in flight that may need it within a cold start, the likeliest first, at most 20. */
    readonly runs: ReadonlyArray<{
      readonly run: string;
      readonly app: string;
      readonly probability: number;
    }>;
  };
  readonly endpoints: readonly EndpointWarmth[];
  readonly forecasts: readonly ForecastBin[];
  readonly money: WarmthMoney;
}

export interface EndpointWarmth {
  readonly endpoint: string;
  readonly state: 'cold' | 'warming' | 'warm' | 'draining';
  readonly presumed: boolean;
  readonly paused: boolean;
  /** False where it is always warm: it has no timeline, and cannot be woken or let go. */
  readonly canGoCold: boolean;
  /** It can be told to go cold. */
  readonly releasable: boolean;
  readonly decision: string;
  readonly probability: number | null;
  readonly reason: string | null;
  /** In order of time, without overlap. */
  readonly segments: readonly WarmthSegment[];
  /** The newest first, at most 200. */
  readonly wakes: readonly WakeShown[];
  readonly coldStart: LearnedTimeShown | null;
  readonly idleTimeout: LearnedTimeShown | null;
  readonly lastError: {
    readonly at: number;
    readonly of: 'wake' | 'release';
    readonly reason: string;
  } | null;
}

/** `serving`: warm with at least one call. */
export interface WarmthSegment {
  readonly state: 'cold' | 'warming' | 'warm' | 'serving' | 'unknown';
  /** An operator had paused it; absent: no. */
  readonly paused?: true;
  readonly from: number;
  /** Null while it goes on. */
  readonly to: number | null;
}

/** A wake, a ping that kept it warm, or a release. */
export interface WakeShown {
  readonly at: number;
  readonly cause:
    | 'demand'
    | 'prewarm'
    | 'keep-warm'
    | 'release'
    | 'operator'
    | 'adapter'
    | 'adapter-prewarm'
    | 'prefix';
  /** For people. */
  readonly reason: string;
  /** Probability of need by the forecast; 1 for demand. */
  readonly probability: number;
  readonly outcome:
    | 'used'
    | 'late'
    | 'wasted'
    | 'failed'
    | 'dry-run'
    | 'over-budget'
    | 'released'
    | 'pending';
  readonly endedAt: number | null;
  /** Warm time that it is charged with until it was used or ended; null where nothing was made. */
  readonly warmMs: number | null;
  /** The same in money; null where no price is configured. */
  readonly money: number | null;
}

export interface LearnedTimeShown {
  /** As it is used. */
  readonly ms: number;
  readonly configuredMs: number;
  readonly observations: number;
  readonly lastAt: number | null;
  /** The newest last, at most 20. For an idle timeout: found warm or cold after so long. */
  readonly samples: ReadonlyArray<{
    readonly at: number | null;
    readonly ms: number;
    readonly found?: 'warm' | 'cold';
  }>;
}

/** Forecasts of need that were made with a probability in [from, to), and how many came true. */
export interface ForecastBin {
  readonly from: number;
  readonly to: number;
  readonly forecasts: number;
  /** Mean probability that was forecast, and the share that came. */
  readonly forecast: number;
  readonly came: number;
}

/** Money is null where no price is configured. `saved`: cold waits that callers did not have. */
export interface WarmthMoney {
  readonly spent: number | null;
  readonly wasted: number | null;
  /** What being warm all the time would have cost more. */
  readonly spared?: number | null;
  readonly budgetLeft: number | null;
  readonly warmMs: number;
  readonly wastedMs: number;
  /** Time that endpoints were cold. */
  readonly coldMs?: number;
  readonly savedWaitMs: number;
  readonly savedWaits: number;
  readonly sufferedWaitMs: number;
  readonly sufferedWaits: number;
  /** The newest day last, at most 90. */
  readonly days: ReadonlyArray<{
    /** UTC, as in 2026-11-23. */
    readonly day: string;
    readonly money: number | null;
    readonly warmMs: number;
    readonly pingMs: number;
    readonly wakes: number;
    readonly savedWaitMs: number;
    readonly sufferedWaitMs: number;
  }>;
}

/** `POST tenants/:t/endpoints/:backend/:endpoint/:action`, admin only. */
export type EndpointAction = 'wake' | 'release' | 'pause' | 'resume';

/** `done: false`: nothing was to be done, and why. */
export interface EndpointActionAnswer {
  readonly done: boolean;
  readonly message: string;
}
