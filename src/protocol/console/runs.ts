/**
 * The screen Runs and calls: recorded runs and those in flight, the waterfall of one, and the story
 * of a call. Conventions are in session.ts.
 */

/** `GET tenants/:t/runs?app=&q=&state=&from=&to=&after=`, the newest first. */
export interface RunsPage {
  readonly rows: readonly RunRow[];
  readonly after?: string;
  /** What `q` named, where it is the id of a call or of a request: the page goes there. */
  readonly found?: { readonly run: string; readonly call: string };
}

/** `between`: in flight, with no call that waits or runs. `failed`: its last call did not succeed. */
export type RunState = 'waiting' | 'running' | 'between' | 'ended' | 'failed';

/** Values of the query; `live` is the first three of `RunState`. */
export const RUN_STATES = ['live', 'waiting', 'running', 'between', 'ended', 'failed'] as const;

export interface RunRow {
  readonly run: string;
  readonly app: string;
  readonly label?: string;
  readonly state: RunState;
  readonly arrivedAt: number;
  /** Null while it is in flight. */
  readonly endedAt: number | null;
  /** From its arrival to its end, or until now. */
  readonly tookMs: number;
  readonly units: number;
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly deadlineAt: number | null;
  /** Time in which at least one of its calls waited; null where its times are not recorded. */
  readonly waitedMs: number | null;
}

/** `GET tenants/:t/runs/:run`; 404 where it is not known. */
export interface RunStory extends RunRow {
  /** The API key that opened it; null for one that is only recorded. */
  readonly key: string | null;
  /**
   * `measured`: all spans are. `partly`: calls from before a restart, or beyond those whose times
   * are kept, are placed by what is recorded of the run. `placed`: all of them are.
   */
  readonly timing: 'measured' | 'partly' | 'placed';
  /** Its calls in the order of their submission, at most 500. */
  readonly lanes: readonly RunLane[];
  readonly lanesTotal: number;
  /** Times between two visits, in which no call waits or runs. */
  readonly gaps: readonly RunSpan[];
}

/** One call; lanes of one visit overlap. */
export interface RunLane {
  /** Id of the call; null where it is not recorded, and for a unit of the client's own. */
  readonly call: string | null;
  /** Number of the visit within the run, from 1: lanes with the same number are one fan-out. */
  readonly visit: number;
  readonly unit: string;
  readonly unitLabel?: string;
  readonly backend: string;
  /** Null while it waits or where it is not recorded. */
  readonly endpoint: string | null;
  readonly attempts: number;
  /** `running` includes waiting. */
  readonly outcome: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'refused';
  readonly measured: boolean;
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  readonly spans: readonly RunSpan[];
}

/**
 * `waiting`: for a slot. `waking`: for an endpoint that starts. `prefill`: from the slot to the first
 * byte of the answer. `decode`: the rest of a language model's answer. `service`: a call whose first
 * byte is not known, or of a tool. `own`: a unit that the client executes. `gap`: nothing of the run
 * waits or runs.
 */
export type SpanKind = 'waiting' | 'waking' | 'prefill' | 'decode' | 'service' | 'own' | 'gap';

export interface RunSpan {
  readonly kind: SpanKind;
  readonly from: number;
  /** Null while it goes on. */
  readonly to: number | null;
}

/** `GET tenants/:t/calls/:id`, by the call's or the request's id; 404 where it is not in the log. */
export interface CallStory {
  readonly call: string;
  readonly requestId: string | null;
  readonly state: 'waiting' | 'running' | 'ended' | 'refused' | 'cancelled';
  readonly key: string;
  readonly arrivedAt: number;
  readonly backend: string;
  readonly app: string;
  readonly run: string;
  readonly unit: string;
  /** How each of the three was identified; null where it is not known. */
  readonly identifiedBy: {
    readonly app: string;
    readonly run: string;
    readonly unit: string;
  } | null;
  readonly request: CallFactsShown;
  /** Null where it never waited. */
  readonly arrival: {
    readonly position: number;
    readonly expectedWaitMs: number;
    readonly rankMs: number | null;
    readonly boundMs: number | null;
  } | null;
  readonly attempts: readonly CallAttempt[];
  readonly refusal: { readonly code: string; readonly retryAfterMs: number } | null;
  readonly result: CallResultShown | null;
  readonly spans: readonly RunSpan[];
}

export interface CallFactsShown {
  readonly kind: string;
  readonly inputTokens: number;
  readonly maxOutputTokens: number | null;
  readonly bodyBytes: number | null;
  /** The client said that it is the run's last call. */
  readonly final: boolean;
  readonly retry: boolean;
  readonly deadlineAt: number | null;
  readonly maxWaitMs: number | null;
}

export interface CallAttempt {
  readonly endpoint: string;
  readonly endpointState: string;
  readonly grantedAt: number;
  readonly waitedMs: number;
  /** Of the wait: no endpoint was warm; a slot was free and it was held for another. */
  readonly coldMs: number;
  readonly heldMs: number;
  /** Tokens of its prompt expected in the endpoint's cache; null where that is not known. */
  readonly prefixTokens: number | null;
  readonly rankMs: number;
  readonly boundMs: number | null;
  /** Null while it runs. */
  readonly ended: { readonly at: number; readonly how: string } | null;
}

export interface CallResultShown {
  readonly outcome: string;
  readonly endpointFault: boolean;
  readonly cold: boolean;
  readonly serviceMs: number;
  readonly firstByteMs: number | null;
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
}
