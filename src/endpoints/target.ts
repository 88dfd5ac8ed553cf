/**
 * How an endpoint is called. The address is plain data and carries no key, so a grant can hold it:
 * whoever is granted a slot calls the endpoint as the object that granted it knows it, whatever the
 * Worker's own copy of the configuration says. The key is added where the call is made.
 */
import { type EndpointConfig, endpointId, type TenantConfig } from '../config/schema.ts';
import type { EndpointTarget } from './adapter.ts';

export interface EndpointAddress {
  readonly url: string;
  /** Name of the Worker secret that holds its key. */
  readonly secret?: string;
  readonly model?: string;
  readonly wakePath?: string;
  readonly releasePath?: string;
  readonly includeUsage: boolean;
  readonly timeouts: TenantConfig['backends'][string]['timeouts'];
}

export type Target =
  | { readonly ok: true; readonly target: EndpointTarget }
  | { readonly ok: false; readonly missingSecret: string };

/** `undefined` where the configuration does not name the endpoint (any more). */
export function addressOf(
  config: TenantConfig,
  backendName: string,
  endpoint: string,
): EndpointAddress | undefined {
  const found = endpointOf(config, backendName, endpoint);
  const backend = config.backends[backendName];
  if (!found || !backend) return undefined;
  const model = backend.models[0];
  return {
    url: found.url,
    includeUsage: found.includeUsage,
    timeouts: backend.timeouts,
    ...(found.auth === undefined ? {} : { secret: found.auth.secret }),
    ...(model === undefined ? {} : { model }),
    ...(found.coldStart?.wakePath === undefined ? {} : { wakePath: found.coldStart.wakePath }),
    ...(found.coldStart?.releasePath === undefined
      ? {}
      : { releasePath: found.coldStart.releasePath }),
  };
}

/** The endpoint with its key, which is among the Worker's secrets. */
export function targetOf(
  address: EndpointAddress,
  secrets: Readonly<Record<string, unknown>>,
): Target {
  const { url, secret, model, wakePath, releasePath } = address;
  const key = secret === undefined ? undefined : secrets[secret];
  if (secret !== undefined && typeof key !== 'string') return { ok: false, missingSecret: secret };
  return {
    ok: true,
    target: {
      url,
      ...(model === undefined ? {} : { model }),
      ...(wakePath === undefined ? {} : { wakePath }),
      ...(releasePath === undefined ? {} : { releasePath }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
  };
}

/** Times the assumed cold start after which a wake is given up, and the least patience, ms. */
const PATIENCE = 4;
const LEAST_PATIENCE_MS = 60_000;

/** How long a wake of an endpoint may take, ms. */
export function wakePatienceMs(config: TenantConfig, backend: string, endpoint: string): number {
  const coldStart = endpointOf(config, backend, endpoint)?.coldStart;
  return Math.max(LEAST_PATIENCE_MS, PATIENCE * (coldStart?.estimateMs ?? 0));
}

function endpointOf(
  config: TenantConfig,
  backend: string,
  endpoint: string,
): EndpointConfig | undefined {
  if (!Object.hasOwn(config.backends, backend)) return undefined;
  return config.backends[backend]?.endpoints.find((e) => endpointId(e) === endpoint);
}
