/**
 * What an administrator changes of a tenant, and what its object answers: plain data, as in admission.ts.
 * Every change is written to the audit log with who made it.
 */
import type { EndpointOrder } from '../core/prewarm/endpoint-orders.ts';

export {
  ENDPOINT_ORDERS,
  type EndpointOrder,
  type OrderOutcome,
} from '../core/prewarm/endpoint-orders.ts';

/** Who makes a change: the name of the administrator's token, or the start of its hash. */
export type ChangedBy = string;

/** Limits of an API key per minute; null or absent: the tenant's hold. */
export interface KeyLimits {
  readonly requestsPerMinute?: number | null | undefined;
  readonly tokensPerMinute?: number | null | undefined;
}

export type SteerOrder =
  /** `config`: as JSON text, checked and sealed. Only where the present version is `ifVersion`. */
  | {
      readonly type: 'config';
      readonly config: string;
      readonly ifVersion?: number;
      /** The older version that is put back. */
      readonly undoes?: number;
    }
  | { readonly type: 'key-limits'; readonly id: string; readonly limits: KeyLimits }
  /** `weight` null: the default. */
  | { readonly type: 'weight'; readonly app: string; readonly weight: number | null }
  | {
      readonly type: 'endpoint';
      readonly backend: string;
      readonly endpoint: string;
      readonly order: EndpointOrder;
    };

/** `dispatcher_unavailable`: it could not be stored, and is to be ordered again. */
export type SteerRefusal =
  | 'tenant_not_found'
  | 'key_not_found'
  | 'endpoint_not_found'
  | 'dispatcher_unavailable';

export type SteerAnswer =
  /** The document that the change led to, as JSON text. */
  | { readonly status: 'changed'; readonly document: string }
  /** An endpoint's order: whether it was carried out, and in words why not. */
  | { readonly status: 'ordered'; readonly done: boolean; readonly message: string }
  /** The configuration is another one than the caller has seen: the present document. */
  | { readonly status: 'conflict'; readonly document: string }
  | {
      readonly status: 'refused';
      readonly code: SteerRefusal;
    };

/** What is asked of a tenant's learning, settings and changes. */
export type SteeringQuestion =
  /** The audit log's page after a cursor. */
  | { readonly type: 'audit'; readonly after?: number }
  /** All kept versions of the configuration, the newest first, or one of them. */
  | { readonly type: 'versions' }
  | { readonly type: 'version'; readonly version: number }
  | { readonly type: 'keys' }
  | { readonly type: 'warmth'; readonly from?: number; readonly to?: number }
  | { readonly type: 'applications'; readonly q?: string; readonly after?: string }
  | { readonly type: 'application'; readonly app: string };

/** `json`: the answer's text. */
export type SteeringReply =
  | { readonly ok: true; readonly json: string }
  | {
      readonly ok: false;
      readonly code:
        | 'tenant_not_found'
        | 'invalid_api_key'
        | 'application_not_found'
        | 'version_not_found';
    };
