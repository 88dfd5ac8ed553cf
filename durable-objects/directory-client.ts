/**
 * The typed way to the directory: which shard a tenant is in, and answers checked before they are
 * believed (itty-durable's proxies are untyped, and must not leave this file: awaiting one hangs).
 */
import { proxyDurable } from 'itty-durable';
import { z } from 'zod';
import type { TenantDirectory } from './directory.ts';

/** The cron's period. */
export const FORECAST_PERIOD_MS = 60_000;
export const DIRECTORY_SHARDS = 16;

const dueTenants = z.array(z.object({ tenant: z.string(), dueAt: z.number() }));

type Directory = DurableObjectNamespace;

/** The tenant wants forecasts from the cron's next minute on. */
export async function announce(directory: Directory, tenant: string, now: number): Promise<void> {
  await shard(directory, shardOf(tenant)).announce(tenant, now + FORECAST_PERIOD_MS);
}

/** When the tenant wants its next forecast; undefined: not until it announces itself. */
export async function reschedule(
  directory: Directory,
  tenant: string,
  dueAt: number | undefined,
): Promise<void> {
  await shard(directory, shardOf(tenant)).reschedule(tenant, dueAt ?? null);
}

/** Tenants of one shard whose forecast is due. */
export async function dueIn(directory: Directory, index: number, now: number): Promise<string[]> {
  const answer: unknown = await shard(directory, index).due(now);
  return dueTenants.parse(answer).map((t) => t.tenant);
}

/** FNV-1a: spreads tenants evenly, the same for ever. */
function shardOf(tenant: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < tenant.length; i += 1) {
    hash = Math.imul(hash ^ tenant.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % DIRECTORY_SHARDS;
}

function shard(directory: Directory, index: number): RemoteDirectory {
  return proxyDurable(directory, { name: 'DIRECTORY', parse: true }).get(`directory-${index}`);
}

/** The directory's methods as they look from afar. */
type RemoteDirectory = {
  readonly [M in 'announce' | 'reschedule' | 'due']: (
    ...args: Parameters<TenantDirectory[M]>
  ) => Promise<unknown>;
};
