/**
 * The screen Now: backends with their endpoints, the line of each, and what runs. Conventions are in
 * session.ts.
 */
import type { WhyReason } from './why.ts';

/** Waiting runs in `NowView`, over all backends: the first ones of each line. */
export const LINE_SHOWN = 200;
/** Rows of a page of `GET tenants/:t/line`. */
export const LINE_PAGE = 200;
/** Running runs in `NowView`. */
export const RUNNING_SHOWN = 200;

/** `GET tenants/:t/now`, and the message `now` of the stream. */
export interface NowView {
  readonly at: number;
  /** Rises with each change while the tenant's object lives; starts anew with `startedAt`. */
  readonly version: number;
  /** When the tenant's object was started; live counts begin there. */
  readonly startedAt: number;
  /** The policy of the order in force. */
  readonly policy: string;
  readonly backends: readonly BackendNow[];
  /** Runs with a call that holds a slot, the longest running first. */
  readonly running: readonly RunningRun[];
  readonly runningTotal: number;
  /** Runs in flight: waiting, running, or between two calls. */
  readonly openRuns: number;
}

export interface BackendNow {
  readonly backend: string;
  /** Calls that wait, and runs with such a call. */
  readonly waitingCalls: number;
  readonly waitingRuns: number;
  readonly runningCalls: number;
  /** Configured slots; null for no limit. */
  readonly slots: number | null;
  readonly slotsInUse: number;
  /** Slots that are up and have not shown to be fewer; null for no limit. */
  readonly effectiveSlots: number | null;
  /** Expected wait of a call that joins the end of the line. */
  readonly expectedWaitMs: number;
  /** Since when the call waits that waits longest; null where none does. */
  readonly oldestWaitingSince: number | null;
  /** `off` where no endpoint can go cold. */
  readonly prewarm: 'off' | 'dry-run' | 'on';
  readonly spend: SpendToday;
  readonly endpoints: readonly EndpointNow[];
  /** The beginning of its line. */
  readonly line: LinePage;
}

/** What the present UTC day cost so far. */
export interface SpendToday {
  readonly warmMs: number;
  /** In the money of `pricePerWarmSecond`; 0 where none is configured. */
  readonly money: number;
  /** What is left of the backend's own budget of pings; null for no limit. */
  readonly moneyLeft: number | null;
  readonly warmMsLeft: number | null;
}

export type EndpointStateShown = 'cold' | 'warming' | 'warm' | 'draining';

export interface EndpointNow {
  readonly endpoint: string;
  readonly state: EndpointStateShown;
  /** The state is assumed: nothing has proved it since. */
  readonly presumed: boolean;
  readonly stateSince: number;
  /** An operator keeps calls from it. */
  readonly paused: boolean;
  /** Configured slots; null for no limit. */
  readonly slots: number | null;
  /** Those that it has not shown to lack; null for no limit. */
  readonly usableSlots: number | null;
  readonly slotsInUse: number;
  readonly runningCalls: number;
  readonly circuit: 'closed' | 'half-open' | 'open';
  readonly circuitOpenUntil: number | null;
  /** Time until it is expected to be warm; null unless it is warming. */
  readonly startsInMs: number | null;
  readonly goesCold: 'never' | 'by-itself' | 'when-told';
  /** The last failed wake or release; null for none. */
  readonly lastError: {
    readonly at: number;
    readonly of: 'wake' | 'release';
    readonly reason: string;
  } | null;
}

/** `GET tenants/:t/line?backend=&after=`: a part of a backend's line, in its order. */
export interface LinePage {
  readonly rows: readonly WaitingRun[];
  /** Waiting runs of the whole line. */
  readonly total: number;
  /**
   * For the next page: the position of the last row. The line moves, so a row may be met twice or
   * missed between two pages.
   */
  readonly after?: string;
}

/** A run with calls that wait for one backend. */
export interface WaitingRun {
  readonly backend: string;
  readonly run: string;
  readonly app: string;
  /** What people read beside an application's name that is a fingerprint. */
  readonly label?: string;
  readonly unit: string;
  readonly unitLabel?: string;
  /** Its calls that wait here. */
  readonly calls: number;
  /** The call that goes next. */
  readonly call: string;
  /** Id of the API key. */
  readonly key: string;
  /** Place in the line, from 1. */
  readonly position: number;
  /**
   * The policy's rank over the weight: for most policies the work that it still expects, or had;
   * `rankOf` says which.
   */
  readonly rankMs: number;
  /** Only runs that arrive within this time after it can overtake it; null for no bound. */
  readonly boundMs: number | null;
  readonly arrivedAt: number;
  /** Since when its next call waits. */
  readonly waitingSince: number;
  readonly deadlineAt: number | null;
  /** Expected time until its next call gets a slot; absent beyond the first page. */
  readonly expectedWaitMs?: number;
  readonly why: readonly WhyReason[];
  /** The same in words. */
  readonly whyWords: string;
}

/** A run with at least one call that holds a slot. */
export interface RunningRun {
  readonly run: string;
  readonly app: string;
  readonly label?: string;
  readonly arrivedAt: number;
  /** Its calls that hold a slot, at most 20. */
  readonly calls: readonly RunningCall[];
  readonly callsTotal: number;
}

export interface RunningCall {
  readonly call: string;
  readonly unit: string;
  readonly backend: string;
  readonly endpoint: string;
  readonly grantedAt: number;
  readonly waitedMs: number;
  /** Time that it is expected to take from the grant on. */
  readonly expectedMs: number;
  /**
   * Its Worker does not renew its lease: since when nothing was heard, and when its slot is taken
   * back if that stays so. Absent while it does.
   */
  readonly silent?: { readonly since: number; readonly freedAt: number };
}
