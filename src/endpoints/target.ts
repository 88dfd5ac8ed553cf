/** From the configuration and the Worker's secrets, an endpoint that can be called. */
import { type BackendConfig, endpointId, type TenantConfig } from '../config/schema.ts';
import type { EndpointTarget } from './adapter.ts';

export interface Target extends EndpointTarget {
  readonly backend: BackendConfig;
  readonly includeUsage: boolean;
  /** The secret that it names is not set. */
  readonly missingSecret?: string;
}

/** `undefined` where the configuration does not name the endpoint (any more). */
export function targetOf(
  config: TenantConfig,
  backendName: string,
  endpoint: string,
  secrets: Readonly<Record<string, unknown>>,
): Target | undefined {
  const backend = Object.hasOwn(config.backends, backendName)
    ? config.backends[backendName]
    : undefined;
  const found = backend?.endpoints.find((e) => endpointId(e) === endpoint);
  if (!backend || !found) return undefined;
  const secretName = found.auth?.secret;
  const secret = secretName === undefined ? undefined : secrets[secretName];
  const model = backend.models[0];
  const wakePath = found.coldStart?.wakePath;
  return {
    backend,
    url: found.url,
    includeUsage: found.includeUsage,
    ...(model === undefined ? {} : { model }),
    ...(wakePath === undefined ? {} : { wakePath }),
    ...(typeof secret === 'string' ? { authorization: `Bearer ${secret}` } : {}),
    ...(secretName !== undefined && typeof secret !== 'string'
      ? { missingSecret: secretName }
      : {}),
  };
}

/** Times the assumed cold start after which a wake is given up, and the least patience, ms. */
const PATIENCE = 4;
const LEAST_PATIENCE_MS = 60_000;

/** How long a wake of an endpoint may take, ms. */
export function wakePatienceMs(config: TenantConfig, backend: string, endpoint: string): number {
  const found = config.backends[backend]?.endpoints.find((e) => endpointId(e) === endpoint);
  return Math.max(LEAST_PATIENCE_MS, PATIENCE * (found?.coldStart?.estimateMs ?? 0));
}
