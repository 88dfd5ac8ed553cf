/**
 * How an endpoint is called. The address is plain data and carries no key, so a grant can hold it:
 * whoever is granted a slot calls the endpoint as the object that granted it knows it, whatever the
 * Worker's own copy of the configuration says. The key is added where the call is made.
 */

import { unseal } from '../auth/sealed-key.ts';
import { type EndpointConfig, endpointId, type TenantConfig } from '../config/schema.ts';
import type { EndpointTarget } from './adapter.ts';
import type { PriorityStyle } from './engine-priority.ts';
import type { EndpointKind } from './registry.ts';

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
    kind: found.kind,
    ...(found.priority === undefined ? {} : { priority: found.priority }),
    ...(found.statusUrl === undefined ? {} : { statusUrl: found.statusUrl }),
    includeUsage: found.includeUsage,
    timeouts: backend.timeouts,
    ...(found.loadMetrics ? { loadMetrics: true } : {}),
    ...(found.auth === undefined
      ? {}
      : {
          ...(found.auth.secret === undefined ? {} : { secret: found.auth.secret }),
          ...(found.auth.sealed === undefined ? {} : { sealed: found.auth.sealed }),
          backend: backendName,
          authHeader: found.auth.header,
          authScheme: found.auth.scheme,
        }),
    ...(model === undefined ? {} : { model }),
    ...(found.coldStart?.wakePath === undefined ? {} : { wakePath: found.coldStart.wakePath }),
    ...(found.coldStart?.releasePath === undefined
      ? {}
      : { releasePath: found.coldStart.releasePath }),
  };
}

/** The Worker's environment, among it the secrets that keys are in or sealed with. */
export type Secrets = Readonly<Record<string, unknown>>;

/** The endpoint with its key. */
export async function targetOf(
  address: EndpointAddress,
  secrets: Secrets,
  tenant: string,
): Promise<Target> {
  const { url, secret, sealed, model, wakePath, releasePath, statusUrl } = address;
  const key = await keyOf(address, secrets, tenant);
  if (key === undefined && (secret !== undefined || sealed !== undefined)) {
    return { ok: false, missingSecret: secret ?? 'MASTER_KEY' };
  }
  return {
    ok: true,
    target: {
      url,
      ...(model === undefined ? {} : { model }),
      ...(wakePath === undefined ? {} : { wakePath }),
      ...(statusUrl === undefined ? {} : { statusUrl }),
      ...(key === undefined ? { auth: {} } : { auth: authOf(address, key), key }),
      ...(releasePath === undefined ? {} : { releasePath }),
    },
  };
}

async function keyOf(
  address: EndpointAddress,
  secrets: Secrets,
  tenant: string,
): Promise<string | undefined> {
  const { secret, sealed, backend = '', url, statusUrl } = address;
  const { MASTER_KEY } = secrets;
  const key =
    sealed !== undefined && typeof MASTER_KEY === 'string'
      ? await unseal(MASTER_KEY, sealed, { tenant, backend, url, statusUrl })
      : secrets[secret ?? ''];
  // What cannot stand in a header would only fail further on, with the key in the words of the error.
  return typeof key === 'string' && isHeaderValue(key.trim()) ? key.trim() : undefined;
}

function isHeaderValue(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

function authOf(address: EndpointAddress, key: string): Record<string, string> {
  const { authHeader = 'authorization', authScheme = 'Bearer' } = address;
  return { [authHeader]: authScheme === '' ? key : `${authScheme} ${key}` };
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
