/**
 * Requests of an API key that need no slot: what they are charged, reports of runs, and side calls such
 * as token counts.
 */
import type { DispatchEvent } from '../core/dispatch/dispatch-events.ts';
import type { Gauges } from '../core/limits/key-limits.ts';
import type { EndpointAddress } from '../endpoints/address.ts';

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
