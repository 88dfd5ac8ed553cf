/**
 * What passes between a Worker and a tenant's object about one call: what it asks for, its grant or
 * refusal, and the ticket. During a deploy the two may be of different versions for minutes, so fields
 * are added, never changed, here and in the other files of this folder.
 */
import type { EndpointState } from '../core/backends/endpoint-state.ts';
import type { RefusalCode } from '../core/dispatch/dispatch-events.ts';
import type { Gauges } from '../core/limits/key-limits.ts';
import type { AdapterState } from '../core/runs/call-place.ts';
import type { CallRequest } from '../core/runs/call-request.ts';
import type { CallResult } from '../core/runs/call-result.ts';
import type { PrefixLink } from '../core/runs/prefix.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import type { LoanTurn } from './loans.ts';

export { CLIENT_BACKEND } from '../core/runs/call-request.ts';
export { MAX_LINKS } from '../core/runs/prefix.ts';
export type { EnqueueRequest } from './enqueue-request.ts';
export type { CallRequest, CallResult, EndpointState, Gauges, PrefixLink };

/** The state of one rate limit of an API key. */
export type LimitGauge = NonNullable<Gauges['requests']>;

/** What the object knows of a call, for its answer's headers. */
export interface CallFacts {
  /** Application and id of the run that the call belongs to. */
  readonly app: string;
  readonly runId: string;
  readonly unit: string;
  /** Runs ahead of it on arrival, plus one; 0 where it was granted at once. */
  readonly position: number;
  /** Slots that it has been granted so far. */
  readonly attempts: number;
  /** The state of the API key's rate limits. */
  readonly gauges?: Gauges;
}

export interface Grant {
  readonly status: 'granted';
  /** The endpoint's name within its backend. */
  readonly endpoint: string;
  /** How the endpoint is called. */
  readonly address: EndpointAddress;
  /** Epoch ms until which the slot is held without a renewal. */
  readonly expiresAt: number;
  readonly waitedMs: number;
  /** Part of the wait in which no endpoint of the backend was warm, ms. */
  readonly coldMs: number;
  /** Part of the wait in which a slot was free and the call was held back for another, ms. */
  readonly heldMs?: number;
  /** Tokens of its prompt that the endpoint is expected to have cached; absent: not known. */
  readonly prefixTokens?: number;
  /** How the call found its adapter; absent where it needs none. */
  readonly adapter?: AdapterState;
  /** The link of its prefix whose text is to be kept (`keepPrefix`); absent: none. */
  readonly keepPrefix?: string;
  /** The rank by which the call was chosen, over its weight, ms. */
  readonly rankMs: number;
  /** Length of the lease without a renewal, ms. */
  readonly leaseMs: number;
  /** Runs that arrived later than this after the call's run could not overtake it, ms. */
  readonly boundMs?: number;
  /** State of the endpoint when it was chosen. */
  readonly endpointState?: EndpointState;
  readonly facts?: CallFacts;
  /** Slots of the endpoint that the isolate may use for calls of its own. */
  readonly loan?: LoanOffer;
}

/** A loan, as it comes with the grant of an endpoint whose slots are lent (loans.ts). */
export interface LoanOffer {
  readonly loanId: string;
  readonly slots: number;
}

export type RefusedCode =
  | RefusalCode
  | 'key_revoked'
  | 'tenant_unconfigured'
  | 'rate_limit_exceeded'
  /** The call may take more tokens than its key has in a minute. */
  | 'request_too_large'
  /** The API key may not use the application. */
  | 'permission_denied';

export interface Refusal {
  readonly status: 'refused';
  readonly code: RefusedCode;
  readonly retryAfterMs: number;
  /** `key`: the limit that was reached is the API key's own share. */
  readonly limit?: 'key';
  readonly facts?: CallFacts;
  /** What was exceeded and how much is allowed, in words for the client. */
  readonly detail?: string;
}

export interface Queued {
  readonly status: 'queued';
  /** Runs ahead of this one, plus one. */
  readonly position: number;
  readonly etaMs: number;
}

/** The caller's hold on its place or its slot; its disposal gives up both. */
export interface TicketMethods {
  /** Resolves when there is an answer; rejects where the caller has to ask again. */
  granted(): Promise<Grant | Refusal>;
  /** Runs ahead of a waiting call, plus one (0: it has a slot), and its expected wait, ms. */
  where(): Promise<{ position: number; etaMs: number }>;
  /** Reports how the call ended. True where its slot is now one of the loan `keepFor`. */
  report(
    result: CallResult,
    keepFor?: string,
    told?: readonly LoanTurn[],
  ): Promise<boolean | undefined>;
  /**
   * Reports an attempt that failed before anything reached the client, which wants another. True
   * where `granted` gives the next answer.
   */
  again(result: CallResult): Promise<boolean>;
  /** Renews the lease. */
  renew(): Promise<void>;
}

export type Admission = Grant | Queued | Refusal;

/** The answer of `enqueue`: a grant and a queued call come with a ticket. */
export type Enqueued = Admission & { readonly ticket?: TicketMethods & Partial<Disposable> };
