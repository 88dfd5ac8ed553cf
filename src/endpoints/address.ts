/**
 * How an endpoint is called, as plain data without a key, so that a grant can contain it: a call
 * goes to the endpoint as the object that granted its slot knows it, whatever the Worker's own copy
 * of the configuration says. The key is added where the call is made (`auth/endpoint-target.ts`).
 */
import type { PriorityStyle } from './engine-priority.ts';
import type { EndpointKind } from './registry.ts';

/** Time limits of one call at an endpoint, ms. */
export interface CallTimeouts {
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

export interface EndpointAddress {
  readonly url: string;
  readonly kind: EndpointKind;
  /** Name of the Worker secret that contains its key. */
  readonly secret?: string;
  /** The key itself instead, sealed for `backend`. */
  readonly sealed?: string;
  readonly backend?: string;
  /** The header that the key is sent in, and the scheme before the key. */
  readonly authHeader?: string;
  readonly authScheme?: string;
  readonly statusUrl?: string;
  /** Set where its engine orders its own queue by a number in the body. */
  readonly priority?: PriorityStyle;
  readonly model?: string;
  readonly wakePath?: string;
  readonly releasePath?: string;
  readonly readyPath?: string;
  readonly includeUsage: boolean;
  /** It reports its own queue on request. */
  readonly loadMetrics?: boolean;
  readonly timeouts: CallTimeouts;
}
