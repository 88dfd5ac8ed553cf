/**
 * Derives the dispatcher's configuration from a tenant's. Addresses of endpoints are not part of
 * it; they are in `endpoint-address.ts`.
 */

import type { BackendSpec } from '../core/backends/backend-spec.ts';
import type { DispatcherConfig } from '../core/dispatch/dispatcher-config.ts';
import { ASSUMED_LLM_SPEED, SERVICE_SPEED } from '../core/runs/demand.ts';
import { ADAPTERS } from '../endpoints/registry.ts';
import { given } from '../http/given.ts';
import { adaptersSpec } from './adapter-settings.ts';
import { endpointId } from './backend-settings.ts';
import { lendsSlots } from './lending.ts';
import { prewarmOf, tenantBudget } from './prewarm-settings.ts';
import type { BackendConfig, TenantConfig } from './schema.ts';

/** Shortest silence that ends a run, whatever is learned of the application's pauses, ms. */
const LEAST_SILENCE_MS = 5_000;

export function toDispatcherConfig(config: TenantConfig): DispatcherConfig {
  return {
    policy: config.policy,
    alpha: config.alpha,
    leaseMs: config.leaseMs,
    runSilenceMs: config.runSilenceMs,
    leastSilenceMs: Math.min(LEAST_SILENCE_MS, config.runSilenceMs),
    runCalls: config.limits.runCalls,
    openRuns: config.limits.openRuns,
    prewarmBudget: tenantBudget(config.prewarm),
    weights: Object.fromEntries(
      Object.entries(config.applications).map(([app, { weight }]) => [app, weight]),
    ),
    backends: Object.fromEntries(
      Object.entries(config.backends).map(([name, b]) => [name, toBackendSpec(b, config)]),
    ),
  };
}

function toBackendSpec(backend: BackendConfig, config: TenantConfig): BackendSpec {
  const adapters = adaptersSpec(backend);
  return {
    endpoints: backend.endpoints.map((e) => ({
      id: endpointId(e),
      slots: e.slots,
      address: e.url,
      ...given({ kvCacheTokens: e.kvCacheTokens }),
      ...(adapters ? { maxAdapters: e.maxLoras } : {}),
      ...(e.coldStart
        ? {
            coldStart: {
              estimateMs: e.coldStart.estimateMs,
              idleTimeoutMs: e.coldStart.idleTimeoutMs,
              ...given({ leastPingMs: e.coldStart.leastPingMs }),
              releasable: e.coldStart.releasePath !== undefined || 'sleep' in ADAPTERS[e.kind],
              slowStart: e.coldStart.slowStart,
            },
          }
        : {}),
    })),
    queueDepth: backend.queue.depth,
    queueBytes: backend.queue.bytes,
    keyQueueShare: (config.keys?.length ?? 0) > 1 ? config.limits.keyQueueShare : 1,
    fairKeys: config.limits.fairKeys,
    maxWaitMs: backend.queue.maxWaitMs,
    maxWaitColdMs: backend.queue.maxWaitColdMs,
    whileCold: backend.whileCold,
    // The calls of a tool are measured in milliseconds, not in tokens.
    speed: backend.speed ?? (backend.models.length > 0 ? ASSUMED_LLM_SPEED : SERVICE_SPEED),
    prewarm: prewarmOf(config.prewarm, backend.prewarm),
    affinity: backend.affinity,
    ...(adapters ? { adapters } : {}),
    failover: backend.fallback !== undefined,
    lends: lendsSlots(backend, config),
  };
}
