/** From a tenant's configuration, how one of its endpoints is called and how long a wake may take. */
import type { EndpointAddress } from '../endpoints/address.ts';
import { type EndpointConfig, endpointId, type TenantConfig } from './schema.ts';

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
