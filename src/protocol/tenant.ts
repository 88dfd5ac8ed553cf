/**
 * The methods of a tenant's object, and documents that pass as a whole. What passes about a call is in
 * admission.ts, about other requests of a key in key-requests.ts.
 */
import type { CallResult } from '../core/runs/call-result.ts';
import type { Enqueued, EnqueueRequest } from './admission.ts';
import type { ArchiveHead, ArchivePage, ImportCount } from './archive.ts';
import type {
  RequestsCharged,
  RunEvent,
  RunReport,
  RunReportAnswer,
  SideCallAnswer,
  SideCallRequest,
} from './key-requests.ts';
import type { LoanTurn, LoanWord } from './loans.ts';
import type { ConsoleKey, ConsoleQuestion, ConsoleReply } from './looking.ts';
import type { PrefixText } from './orders.ts';
import type { SteerAnswer, SteeringQuestion, SteeringReply, SteerOrder } from './steering.ts';

/** A tenant's configuration as it is stored and distributed. */
export interface TenantDocument {
  /** Rises with every change; an object adopts a version that is newer than its own. */
  readonly version: number;
  /** As it was `PUT`, without defaults; every reader parses it. */
  readonly config: Record<string, unknown>;
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
  /**
   * Asks for a slot; answers at once. A queued call waits at `ticket.granted()`. `told`, here and below:
   * what the object may not know of other calls of the run, which are on borrowed slots.
   */
  enqueue(request: EnqueueRequest, told?: readonly LoanTurn[]): Promise<Enqueued>;
  /** Takes the report of a Worker that lost its ticket. */
  settle(
    callId: string,
    result: CallResult,
    keepFor?: string,
    told?: readonly LoanTurn[],
  ): Promise<boolean | undefined>;
  /** Reports a failed attempt, as `TicketMethods.again` does. */
  again(callId: string, result: CallResult): Promise<boolean>;
  renew(callId: string): Promise<void>;
  cancel(callId: string, told?: readonly LoanTurn[]): Promise<void>;
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
