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

const taken = z.object({ tenants: z.array(z.string()), more: z.boolean() });

type Directory = DurableObjectNamespace;

/** The tenant wants forecasts from the cron's next minute on. */
export async function announce(directory: Directory, tenant: string, now: number): Promise<void> {
  await shard(directory, shardOf(tenant)).announce(tenant, now + FORECAST_PERIOD_MS);
}

/** When tenants of a shard want their next forecast; null: not until they announce themselves. */
export async function reschedule(
  directory: Directory,
  index: number,
  next: ReadonlyArray<readonly [string, number | null]>,
): Promise<void> {
  await shard(directory, index).reschedule(next);
}

/**
 * Tenants of one shard whose forecast is due, so many at the most. They are down for the next minute
 * from then on: who asks again for the same minute is not given them.
 */
export async function takeDue(
  directory: Directory,
  index: number,
  now: number,
  most: number,
): Promise<z.infer<typeof taken>> {
  // A minute that comes early must find them due, one that is doubled must not.
  const againAt = now + FORECAST_PERIOD_MS / 2;
  const answer: unknown = await shard(directory, index).take(now, againAt, most);
  return taken.parse(answer);
}

/** FNV-1a: spreads tenants evenly, the same for ever. */
export function shardOf(tenant: string): number {
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
  readonly [M in 'announce' | 'reschedule' | 'take']: (
    ...args: Parameters<TenantDirectory[M]>
  ) => Promise<unknown>;
};
