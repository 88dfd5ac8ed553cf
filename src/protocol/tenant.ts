/**
 * What passes between the Worker and a tenant's object: plain data and a ticket. During a deploy
 * the two may be of different versions for minutes, so fields are added, never changed.
 */
import type { LoadReport } from '../core/adapters/adapter-load.ts';
import type { EndpointState } from '../core/backends/endpoint-state.ts';
import type { DispatchEvent } from '../core/dispatch/dispatch-events.ts';
import type { Gauges } from '../core/limits/key-limits.ts';
import type { CallRequest } from '../core/runs/call-request.ts';
import type { CallResult } from '../core/runs/call-result.ts';
import type { KeptPrefix, PrefixLink } from '../core/runs/prefix.ts';
import type { RecordedRun } from '../core/runs/recorded-run.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import type { Enqueued, EnqueueRequest } from './call.ts';
import type { LoanTurn, LoanWord } from './loans.ts';
import type { ConsoleKey, ConsoleQuestion, ConsoleReply } from './looking.ts';
import type { SteerAnswer, SteeringQuestion, SteeringReply, SteerOrder } from './steering.ts';

export { CLIENT_BACKEND } from '../core/runs/call-request.ts';
export { MAX_LINKS } from '../core/runs/prefix.ts';
export type {
  Admission,
  CallFacts,
  Enqueued,
  EnqueueRequest,
  Grant,
  LoanOffer,
  Queued,
  Refusal,
  RefusedCode,
  TicketMethods,
} from './call.ts';
export type { CallRequest, CallResult, EndpointState, Gauges, KeptPrefix, PrefixLink };

/** The state of one rate limit of an API key. */
export type LimitGauge = NonNullable<Gauges['requests']>;

/** A tenant's configuration as it is stored and distributed. */
export interface TenantDocument {
  /** Rises with every change; an object adopts a version that is newer than its own. */
  readonly version: number;
  /** As it was `PUT`, without defaults; every reader parses it. */
  readonly config: Record<string, unknown>;
}

/** The answer to a charge of requests without a call; `limit`: requests a minute of the key. */
export type RequestsCharged =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'key_revoked' }
  | {
      readonly ok: false;
      readonly code: 'rate_limit_exceeded';
      readonly limit: number;
      readonly retryAfterMs: number;
    };

/** What a client reports of its run. */
export type RunEvent = Extract<
  DispatchEvent,
  { type: 'unit-began' | 'unit-ended' | 'run-finished' }
>;

/** A report of a client on its run. */
export interface RunReport {
  readonly event: RunEvent;
  readonly keyId: string;
  readonly keyHash?: string | undefined;
  /** Version of the configuration in which the Worker found the key. */
  readonly version: number;
  /** The event opens its run where that is not known. */
  readonly opens: boolean;
}

/** `isKnown`: the run was in flight, or was opened by the event. */
export type RunReportAnswer =
  | { readonly status: 'accepted'; readonly isKnown: boolean }
  | PlainRefusal;

/** The refusal of a request that is no call; `code` is that of the client's error. */
export interface PlainRefusal {
  readonly status: 'refused';
  readonly code:
    | 'invalid_api_key'
    | 'tenant_misconfigured'
    | 'permission_denied'
    | 'rate_limit_exceeded'
    | 'open_runs_exceeded'
    | 'backend_not_found'
    | 'backend_warming'
    | 'queue_full'
    | 'upstream_busy';
  readonly retryAfterMs?: number;
  /** What was exceeded and how much is allowed, in words for the client. */
  readonly detail?: string;
  readonly gauges?: Gauges;
}

/** A request that needs no slot, such as a token count. */
export interface SideCallRequest {
  readonly backend: string;
  readonly keyId: string;
  readonly keyHash?: string | undefined;
  readonly version: number;
}

export interface SideCallGrant {
  readonly status: 'granted';
  readonly endpoint: string;
  readonly address: EndpointAddress;
  readonly gauges: Gauges;
  /** Present where the endpoint may be cold: the time that a start takes, ms. */
  readonly startMs?: number;
}

/** What the endpoint of a side call answered, as far as others have to know. */
export interface SideCallEnd {
  /** It was overloaded or cold. */
  readonly turnedAway?: boolean;
  /** It was cold, and so the request has started it. */
  readonly foundCold?: boolean;
  /** Pause that it asked for, ms. */
  readonly retryAfterMs?: number;
}

/** The hold on one of the places for side calls; its disposal gives it up. */
export interface SideTicketMethods {
  report(end: SideCallEnd): Promise<void>;
}

export type SideCallAnswer =
  | (SideCallGrant & { readonly ticket: SideTicketMethods & Partial<Disposable> })
  | PlainRefusal;

/** An endpoint that is to be woken or released. */
export interface PingOrder {
  readonly backend: string;
  readonly endpoint: string;
  /** Time after which the wake is given up, ms. */
  readonly patienceMs?: number;
  /** The model that is needed; the backend's first where absent. */
  readonly model?: string;
  /** The wake that the order is for, by the time at which it began, epoch ms. */
  readonly wakeAt?: number;
}

/** An adapter that an endpoint is to load. */
export interface AdapterOrder extends PingOrder {
  readonly adapter: string;
  readonly source: string;
  /** Names the load together with the adapter, epoch ms. */
  readonly loadAt: number;
  readonly patienceMs: number;
  /** Adapters that are unloaded first, and those that may be where there is no room. */
  readonly unload: readonly string[];
  readonly spare: readonly string[];
}

/** Longest body of one, bytes. */
export const MAX_PREFIX_BYTES = 262_144;

/** The beginning of prompts, as the request by which an endpoint reads it. */
export interface PrefixText extends KeptPrefix {
  /** Path after the endpoint's URL. */
  readonly path: string;
  readonly body: string;
}

/** A prefix that an endpoint is to read ahead of a call. */
export interface PrefixOrder extends PingOrder {
  readonly link: string;
  /** Names the read together with the endpoint, epoch ms. */
  readonly readAt: number;
  readonly patienceMs: number;
}

export type { LoadReport };

/** How the requests that wake an endpoint ended. */
export interface WakeReport {
  readonly ok: boolean;
  /** Time since the wake of the order began, ms. */
  readonly tookMs: number;
  /** Answers of "not ready" before that; absent where nobody counted. */
  readonly refusals?: number;
  /** Time before the end in which it may have become ready unnoticed, ms; absent for none. */
  readonly unnoticedMs?: number;
  /** The same where the platform holds requests until it is ready, ms. */
  readonly unansweredMs?: number;
  /** The last request was held until it was ready. */
  readonly wasHeld?: boolean;
  /** Why it failed, for the operator, without the endpoint's key. */
  readonly reason?: string;
}

/** A recorded run in an export: a line of the trace format with what an import needs beside it. */
export interface ArchivedRun extends RecordedRun {
  /** The original name, where `run` was changed to be unique within the export. */
  readonly id?: string;
  /** When it ended, ms; counts from the same time as `arrival_ms`. */
  readonly finished_ms?: number;
  /** Absent: true. */
  readonly learned?: boolean;
}

/** The head of an export, which also says where the export ends. */
export interface ArchiveHead {
  /** Epoch ms that times in the export count from. */
  readonly startMs: number;
  /** Sequence number of the last run in the export. */
  readonly lastSeq: number;
  /** The tenant's document, as JSON text. */
  readonly document: string;
}

/** A page of JSON Lines, and the sequence number after which to go on; the last has no `next`. */
export interface ArchivePage {
  readonly text: string;
  readonly next?: number;
}

/** How many runs of an import were added, and how many were not and why. */
export interface ImportCount {
  readonly imported: number;
  readonly known: number;
  /** The tenant already has as many runs as are kept, or the run is too long. */
  readonly no_room: number;
}

export interface ForecastAnswer {
  /** Wakes that the forecast led to; the object makes them itself. */
  readonly pinged: number;
  /** When the next forecast is due, epoch ms; undefined: not until there is traffic again. */
  readonly nextAt?: number;
}

/** Views of a tenant for the admin API. */
export type ViewName = 'pdgraph' | 'status' | 'prewarm';

/**
 * The RPC methods of a tenant's object, as a Worker calls them. All are idempotent by call id or
 * document version, so that a call whose answer was lost can be repeated. Names and shapes are part
 * of the protocol: methods are added, never renamed.
 */
export interface TenantApi {
  /** Asks for a slot; answers at once. A queued call waits at `ticket.granted()`. */
  enqueue(request: EnqueueRequest): Promise<Enqueued>;
  /** Takes the report of a Worker that lost its ticket. */
  settle(callId: string, result: CallResult): Promise<void>;
  /** Reports a failed attempt, as `TicketMethods.again` does. */
  again(callId: string, result: CallResult): Promise<boolean>;
  renew(callId: string): Promise<void>;
  cancel(callId: string): Promise<void>;
  /** Tells of calls on borrowed slots; answers when those are wanted back, or the turn is over. */
  loanTurn(turn: LoanTurn): Promise<LoanWord>;
  /** Takes the text that a grant has asked for; it may be dropped. */
  keepPrefix(text: PrefixText): Promise<void>;
  isRevoked(keyId: string, version: number, keyHash?: string): Promise<boolean>;
  /**
   * Charges `count` requests that need no slot to a key; a refused charge takes nothing. Repeated
   * after a lost answer it charges again.
   */
  chargeRequests(
    keyId: string,
    count: number,
    version: number,
    keyHash?: string,
  ): Promise<RequestsCharged>;
  /** Answers whether the run was known; an unknown one is opened unless `opens` is false. */
  runEvent(event: RunEvent, version: number, opens?: boolean): Promise<boolean>;
  /** Applies what a client reports of its run, and charges it to its API key. */
  reportRun(report: RunReport): Promise<RunReportAnswer>;
  /** Asks for an endpoint for a request without a slot; answers at once, and wakes nothing. */
  beginSideCall(request: SideCallRequest): Promise<SideCallAnswer>;
  /**
   * Documents pass as JSON text; `by`: the administrator who makes a change, for the audit log. Answers
   * are undefined where the tenant is not configured, here and below.
   */
  putConfig(configJson: string, by?: string): Promise<string>;
  addKey(
    key: {
      readonly id: string;
      readonly sha256: string;
      readonly limits?: { readonly requestsPerMinute?: number; readonly tokensPerMinute?: number };
    },
    by?: string,
  ): Promise<string | undefined>;
  removeKey(id: string, by?: string): Promise<string | undefined>;
  /** Carries out a change by the administrator; `by`: who that is, for the audit log. */
  steer(order: SteerOrder, by: string): Promise<SteerAnswer>;
  /** `key`: the API key that asks, if it is not the administrator. */
  steeringView(question: SteeringQuestion, key?: ConsoleKey): Promise<SteeringReply>;
  document(): Promise<string | undefined>;
  destroy(by?: string): Promise<void>;
  forecast(): Promise<ForecastAnswer>;
  view(name: ViewName, app?: string): Promise<string | undefined>;
  /** The metrics of the moment, as JSON text of `Figures` (metrics.ts). */
  figures(): Promise<string | undefined>;
  runs(app?: string): Promise<ReadableStream | undefined>;
  archive(): Promise<ArchiveHead | undefined>;
  archivePage(head: ArchiveHead, after: number): Promise<ArchivePage>;
  /** Answers the console; `key`: the API key that asks, absent for the administrator. */
  look(question: ConsoleQuestion, key?: ConsoleKey): Promise<ConsoleReply>;
  importRuns(runs: string, startMs: number, by?: string): Promise<ImportCount | undefined>;
  /** The log entry of a call as JSON text, by its id or its request's, of `keyId` first. */
  story(id: string, keyId?: string): Promise<string | undefined>;
}
