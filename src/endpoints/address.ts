/**
 * How an endpoint is called, as plain data without a key, so that a grant can hold it: whoever is
 * granted a slot calls the endpoint as the object that granted it knows it, whatever the Worker's own
 * copy of the configuration says. The key is added where the call is made (auth/endpoint-target.ts).
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
  /** Name of the Worker secret that holds its key, and the header that the key goes into. */
  readonly secret?: string;
  /** Or the key itself, sealed for the backend. */
  readonly sealed?: string;
  readonly backend?: string;
  readonly authHeader?: string;
  readonly authScheme?: string;
  readonly statusUrl?: string;
  /** Its engine orders its own queue by a number in the body. */
  readonly priority?: PriorityStyle;
  readonly model?: string;
  readonly wakePath?: string;
  readonly releasePath?: string;
  readonly includeUsage: boolean;
  /** It tells of its own queue when it is asked to. */
  readonly loadMetrics?: boolean;
  readonly timeouts: CallTimeouts;
}
