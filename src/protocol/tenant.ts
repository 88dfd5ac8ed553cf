/**
 * What passes between the Worker and a tenant's object: plain data, and a ticket. During a deploy
 * the two may be of different versions for minutes, so fields are added, never changed.
 */

import type { EndpointState } from '../core/backends/endpoint-state.ts';
import type { DispatchEvent, RefusalCode } from '../core/dispatch/dispatch-events.ts';
import type { Gauges } from '../core/limits/key-limits.ts';
import type { CallRequest } from '../core/runs/call-request.ts';
import type { CallResult } from '../core/runs/call-result.ts';
import type { RecordedRun } from '../core/runs/recorded-run.ts';

import type { EndpointAddress } from '../endpoints/address.ts';

export { CLIENT_BACKEND } from '../core/runs/call-request.ts';
export type { CallRequest, CallResult, EndpointState, Gauges };

/** How one limit of a key stands. */
export type LimitGauge = NonNullable<Gauges['requests']>;

/** A tenant's configuration as it is stored and distributed. */
export interface TenantDocument {
  /** Rises with every change; the object takes over what is newer than its own. */
  readonly version: number;
  /** As `PUT` had it, before defaults; parsed by whoever uses it. */
  readonly config: Record<string, unknown>;
}

export interface EnqueueRequest {
  readonly call: CallRequest;
  readonly keyId: string;
  /** SHA-256 of the key, in hex: an id alone may have got another key. */
  readonly keyHash?: string | undefined;
  /** Version of the configuration by which the Worker chose the backend. */
  readonly version: number;
  /** By which the client knows the call. */
  readonly requestId?: string;
  /** Another backend has had a try at the request before: it counts no second time for its key. */
  readonly isCharged?: boolean;
  /** From what application, run and unit were taken. */
  readonly why?: { readonly app: string; readonly run: string; readonly unit: string };
}

/** What the object knows of a call, for its answer's headers. */
export interface CallFacts {
  /** Those of the run that the call belongs to. */
  readonly app: string;
  readonly runId: string;
  readonly unit: string;
  /** Runs before it when it came, plus one; 0 where it went at once. */
  readonly position: number;
  /** Slots that it was granted so far. */
  readonly attempts: number;
  /** How the key's limits stand. */
  readonly gauges?: Gauges;
}

export interface Grant {
  readonly status: 'granted';
  /** The endpoint's name within its backend, and how it is called. */
  readonly endpoint: string;
  readonly address: EndpointAddress;
  /** Epoch ms until which the slot is held without a renewal. */
  readonly expiresAt: number;
  readonly waitedMs: number;
  /** Part of the wait in which no endpoint of the backend was warm, ms. */
  readonly coldMs: number;
  readonly rankMs: number;
  readonly leaseMs: number;
  /** Runs that arrived later than this after the call's run could not overtake it, ms. */
  readonly boundMs?: number;
  /** Of the endpoint when it was chosen. */
  readonly endpointState?: EndpointState;
  readonly facts?: CallFacts;
}

export type RefusedCode =
  | RefusalCode
  | 'key_revoked'
  | 'tenant_unconfigured'
  | 'rate_limit_exceeded';

export interface Refusal {
  readonly status: 'refused';
  readonly code: RefusedCode;
  readonly retryAfterMs: number;
  readonly facts?: CallFacts;
}

export interface Queued {
  readonly status: 'queued';
  /** Runs that go before this one, plus one. */
  readonly position: number;
  readonly etaMs: number;
}

/** The caller's hold on its place or its slot: when it is disposed of, both are given up. */
export interface TicketMethods {
  granted(): Promise<Grant | Refusal>;
  /** How many runs go before a call that waits, plus one (0: it has a slot), and for how long. */
  where(): Promise<{ position: number; etaMs: number }>;
  report(result: CallResult): Promise<void>;
  /**
   * Reports an attempt that failed before anything reached the client, who would rather have another:
   * true where the call is back in the line, and `granted` is to be asked again.
   */
  again(result: CallResult): Promise<boolean>;
  renew(): Promise<void>;
}

export type Admission = Grant | Queued | Refusal;

/** What a client says of its run. */
export type RunEvent = Extract<
  DispatchEvent,
  { type: 'unit-began' | 'unit-ended' | 'run-finished' }
>;

/** An endpoint that is to be woken, or told to go cold. */
export interface PingOrder {
  readonly backend: string;
  readonly endpoint: string;
  /** After so long a wake is given up, ms. */
  readonly patienceMs?: number;
}

/** A recorded run in an export: a line of the trace format, and what an import needs beside it. */
export interface ArchivedRun extends RecordedRun {
  /** Its own name, where `run` had to be another to be the only one in the export. */
  readonly id?: string;
  /** When it ended, counted as `arrival_ms` is. */
  readonly finished_ms?: number;
  /** Absent: true. */
  readonly learned?: boolean;
}

/** What an export begins with, and where it ends. */
export interface ArchiveHead {
  /** Epoch ms that times in the export count from. */
  readonly startMs: number;
  readonly lastSeq: number;
  /** The tenant's document, as text. */
  readonly document: string;
}

/** JSON Lines, and where to go on; without `next` that was all. */
export interface ArchivePage {
  readonly text: string;
  readonly next?: number;
}

/** What became of runs that were to be imported. */
export interface ImportCount {
  readonly imported: number;
  readonly known: number;
  /** The tenant has as many runs as are kept, or the run is too long. */
  readonly no_room: number;
}

export interface ForecastAnswer {
  /** Pings that it led to; the object makes them itself. */
  readonly pinged: number;
  /** Epoch ms of the next forecast that makes sense; undefined: not until there is traffic again. */
  readonly nextAt?: number;
}

/** Views of a tenant for the admin API and the metrics. */
export type ViewName = 'pdgraph' | 'status' | 'prewarm' | 'metrics';

/** What `enqueue` answers: a grant and a queued call come with a ticket. */
export type Enqueued = Admission & { readonly ticket?: TicketMethods & Partial<Disposable> };

/**
 * The RPC methods of a tenant's object, as a Worker calls them. All are idempotent by call id or
 * document version, so that a call whose answer was lost can be repeated. Names and shapes are part
 * of the protocol: methods are added, never renamed.
 */
export interface TenantApi {
  /** Asks for a slot; answers at once. A queued call waits at `ticket.granted()`. */
  enqueue(request: EnqueueRequest): Promise<Enqueued>;
  /** The report of a Worker that lost its ticket. */
  settle(callId: string, result: CallResult): Promise<void>;
  /** Reports a failed attempt; true where the call is queued for another. */
  again(callId: string, result: CallResult): Promise<boolean>;
  renew(callId: string): Promise<void>;
  cancel(callId: string): Promise<void>;
  isRevoked(keyId: string, version: number, keyHash?: string): Promise<boolean>;
  /** Answers whether the run was known. */
  runEvent(event: RunEvent, version: number, opens?: boolean): Promise<boolean>;
  /** Documents pass as JSON text; undefined where the tenant is not configured, here and below. */
  putConfig(configJson: string): Promise<string>;
  addKey(key: { readonly id: string; readonly sha256: string }): Promise<string | undefined>;
  removeKey(id: string): Promise<string | undefined>;
  document(): Promise<string | undefined>;
  destroy(): Promise<void>;
  forecast(): Promise<ForecastAnswer>;
  view(name: ViewName, app?: string): Promise<string | undefined>;
  runs(app?: string): Promise<ReadableStream | undefined>;
  archive(): Promise<ArchiveHead | undefined>;
  archivePage(head: ArchiveHead, after: number): Promise<ArchivePage>;
  importRuns(runs: string, startMs: number): Promise<ImportCount | undefined>;
  /** The log entry of a call as JSON text, by its id or its request's. */
  story(id: string): Promise<string | undefined>;
}
