/**
 * The typed client of the directory (directory.ts): it finds a tenant's shard and validates
 * answers. itty-durable's proxies are untyped and must not leave this file: awaiting one hangs.
 */
import { proxyDurable } from 'itty-durable/proxy-durable.js';
import * as z from 'zod/mini';
import { shardOf as shardOfName } from '../../src/protocol/shard-of.ts';
import type { TenantDirectory } from './directory.ts';

/** The period of the cron, ms. */
export const FORECAST_PERIOD_MS = 60_000;
export const DIRECTORY_SHARDS = 16;

const dueSchema = z.object({ tenants: z.array(z.string()), more: z.boolean() });

type Directory = DurableObjectNamespace;

/** Asks for forecasts of a tenant from the cron's next minute on. */
export async function announce(directory: Directory, tenant: string, now: number): Promise<void> {
  await shard(directory, shardOf(tenant)).announce(tenant, now + FORECAST_PERIOD_MS);
}

/** Sets when tenants of a shard are due, epoch ms; null: not until they announce themselves. */
export async function reschedule(
  directory: Directory,
  index: number,
  next: ReadonlyArray<readonly [string, number | null]>,
): Promise<void> {
  await shard(directory, index).reschedule(next);
}

/**
 * Tenants of one shard whose forecast is due, `most` at most. They are due again in the next
 * minute, and are not returned twice for the same one.
 */
export async function takeDue(
  directory: Directory,
  index: number,
  now: number,
  most: number,
): Promise<z.infer<typeof dueSchema>> {
  // Half a period: a cron that fires early finds them due, one that fires twice does not.
  const againAt = now + FORECAST_PERIOD_MS / 2;
  const answer: unknown = await shard(directory, index).take(now, againAt, most);
  return dueSchema.parse(answer);
}

/** The shard that a tenant is in. */
export function shardOf(tenant: string): number {
  return shardOfName(tenant, DIRECTORY_SHARDS);
}

function shard(directory: Directory, index: number): RemoteDirectory {
  return proxyDurable(directory, { name: 'DIRECTORY', parse: true }).get(`directory-${index}`);
}

/** The directory's methods as seen through a proxy. */
type RemoteDirectory = {
  readonly [M in 'announce' | 'reschedule' | 'take']: (
    ...args: Parameters<TenantDirectory[M]>
  ) => Promise<unknown>;
};
