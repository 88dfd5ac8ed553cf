/**
 * Derives from a tenant's configuration how an endpoint is called and how long a wake may take. The
 * key is added in `auth/endpoint-target.ts`.
 */
import type { EndpointAddress } from '../endpoints/address.ts';
import { given } from '../http/given.ts';
import { type EndpointConfig, endpointId } from './backend-settings.ts';
import { upstreamName } from './model-entry.ts';
import type { TenantConfig } from './schema.ts';

/** Undefined where the endpoint is not, or no longer, configured. */
export function addressOf(
  config: TenantConfig,
  backendName: string,
  endpoint: string,
): EndpointAddress | undefined {
  const configured = endpointOf(config, backendName, endpoint);
  const backend = config.backends[backendName];
  if (!configured || !backend) return undefined;
  const [entry] = backend.models;
  const model = entry === undefined ? undefined : upstreamName(entry);
  return {
    url: configured.url,
    kind: configured.kind,
    ...given({ priority: configured.priority, statusUrl: configured.statusUrl }),
    includeUsage: configured.includeUsage,
    timeouts: backend.timeouts,
    ...(configured.loadMetrics ? { loadMetrics: true } : {}),
    ...(configured.auth === undefined
      ? {}
      : {
          ...given({ secret: configured.auth.secret, sealed: configured.auth.sealed }),
          backend: backendName,
          authHeader: configured.auth.header,
          authScheme: configured.auth.scheme,
        }),
    ...given({ model }),
    ...(configured.coldStart?.wakePath === undefined
      ? {}
      : { wakePath: configured.coldStart.wakePath }),
    ...(configured.coldStart?.releasePath === undefined
      ? {}
      : { releasePath: configured.coldStart.releasePath }),
    ...(configured.coldStart?.readyPath === undefined
      ? {}
      : { readyPath: configured.coldStart.readyPath }),
  };
}

/**
 * A wake is given up after this multiple of the assumed cold start, but not before this many ms.
 */
const PATIENCE = 4;
const LEAST_PATIENCE_MS = 60_000;

/** Time after which a wake of an endpoint is given up, ms. */
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
