/**
 * Which origins of browsers a tenant allows. A browser asks before it sends a key, so that the tenant
 * is not known yet: an index in KV tells whether any tenant allows the origin. The answers are made in
 * `routes/cors.ts`.
 */
import * as z from 'zod/mini';
import type { TenantDocument } from '../protocol/tenant.ts';
import { ANY_ORIGIN as ANY, isOrigin } from './cors-settings.ts';

/** Lifetime of what is known of an origin, ms, and most of them that are known. */
const CACHE_MS = 30_000;
const MAX_CACHED = 1_000;
/** Most tenants that the index has of one origin: it only has to know whether there is one. */
const MAX_TENANTS = 1_000;
/** Most origins that are looked up in that time: anybody may ask. */
const MAX_LOOKUPS = 300;

const known = new Map<string, { readonly isAllowed: boolean; readonly until: number }>();
let lookups = 0;
let lookupsSince = 0;

/** True where any tenant allows the origin. */
export async function isAnyonesOrigin(kv: KVNamespace, given: string): Promise<boolean> {
  if (!isOrigin(given)) return false;
  const now = Date.now();
  const cached = known.get(given);
  if (cached && now < cached.until) return cached.isAllowed;
  if (now - lookupsSince > CACHE_MS || now < lookupsSince) {
    lookupsSince = now;
    lookups = 0;
  }
  lookups += 1;
  if (lookups > MAX_LOOKUPS) return false;
  const lists = await Promise.all([given, ANY].map((of) => tenantsOf(kv, of)));
  const isAllowed = lists.some((tenants) => tenants.length > 0);
  known.delete(given);
  known.set(given, { isAllowed, until: now + CACHE_MS });
  const [oldest] = known.keys();
  if (known.size > MAX_CACHED && oldest !== undefined) known.delete(oldest);
  return isAllowed;
}

/**
 * Writes the tenant's origins to the index, and removes those that it has no longer. Two tenants that
 * change at once may overwrite each other's entry: the next PUT of a tenant writes what is missing.
 */
export async function distributeOrigins(
  kv: KVNamespace,
  tenant: string,
  document: TenantDocument | undefined,
  before: TenantDocument | undefined,
  write: (act: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const present = new Set(originsOf(document));
  const earlier = originsOf(before);
  for (const of of new Set([...present, ...earlier])) {
    const tenants = new Set(await tenantsOf(kv, of));
    if (tenants.has(tenant) === present.has(of)) continue;
    if (present.has(of)) tenants.add(tenant);
    else tenants.delete(tenant);
    const text = JSON.stringify([...tenants].slice(-MAX_TENANTS));
    await write(() => (tenants.size > 0 ? kv.put(originKey(of), text) : kv.delete(originKey(of))));
  }
  if (present.size > 0 || earlier.length > 0) known.clear();
}

function originsOf(document: TenantDocument | undefined): string[] {
  const parsed = z.object({ origins: z.array(z.string()) }).safeParse(document?.config.cors);
  return parsed.success ? parsed.data.origins : [];
}

/** The tenants that allow an origin, as far as the index knows. */
async function tenantsOf(kv: KVNamespace, of: string): Promise<string[]> {
  const parsed = z.array(z.string()).safeParse(await kv.get(originKey(of), 'json'));
  return parsed.success ? parsed.data : [];
}

function originKey(of: string): string {
  return `origin:${of}`;
}
