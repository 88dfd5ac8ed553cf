/**
 * Reads tenants and API key hashes from KV through a short-lived cache in each isolate. A stored
 * configuration that does not parse never replaces the last valid one. KV is written in
 * `distribution.ts`.
 */

import * as z from 'zod/mini';
import type { Problem } from '../http/problem.ts';
import { askTenant, Unreachable } from '../objects/ask-object.ts';
import { logError } from '../protocol/log.ts';
import type { TenantDocument } from '../protocol/tenant.ts';
import { parseStoredConfig } from './parse.ts';
import type { TenantConfig } from './schema.ts';

/** Lifetime of a cached value, ms. A revoked key is refused by the tenant's object at once. */
const CACHE_MS = 10_000;
/** Most entries of each cache; the oldest is evicted. */
const MAX_CACHED = 5_000;
/** Age up to which a cached value is used while KV cannot be read, ms. */
const MAX_STALE_MS = 3_600_000;
/** Time without another read after KV could not be read, ms. */
const UNREADABLE_PAUSE_MS = 1_000;

const documentSchema = z.object({
  version: z.number(),
  config: z.record(z.string(), z.unknown()),
});
const ownerSchema = z.object({ tenant: z.string(), keyId: z.string() });

/** The tenant that an API key belongs to, and the id of the key. */
export type KeyOwner = z.infer<typeof ownerSchema>;

export interface LoadedTenant {
  readonly tenant: string;
  readonly version: number;
  readonly config: TenantConfig;
}

export type TenantLookup =
  | { readonly ok: true; readonly loaded: LoadedTenant }
  | { readonly ok: false; readonly problems?: readonly Problem[] };

interface CacheEntry<T> {
  readonly value: T;
  readonly readAt: number;
  readonly until: number;
}

const tenants = new Map<string, CacheEntry<TenantLookup>>();
const keys = new Map<string, CacheEntry<KeyOwner | undefined>>();

/** The KV key of a tenant's document. */
export function tenantKey(tenant: string): string {
  return `tenant:${tenant}`;
}

/** The KV key of an API key's owner, by the SHA-256 of the API key in hex. */
export function hashKey(sha256: string): string {
  return `key:${sha256}`;
}

/** The stored document, without the cache; undefined where it is absent or malformed. */
export async function readDocument(
  kv: KVNamespace,
  tenant: string,
): Promise<TenantDocument | undefined> {
  const parsed = documentSchema.safeParse(await kv.get(tenantKey(tenant), 'json'));
  return parsed.success ? parsed.data : undefined;
}

/** Parses a document that the tenant's object returned as text; throws where it is malformed. */
export function parseDocument(text: string): TenantDocument {
  return documentSchema.parse(JSON.parse(text));
}

/**
 * The tenant's configuration, checked and with its defaults, from the cache or from KV. Without
 * `problems`, a failed lookup means that there is no such tenant. Throws `Unreachable`.
 */
export async function loadTenant(env: Env, tenant: string): Promise<TenantLookup> {
  return readThrough(tenants, tenant, isConfigured, async () => {
    const document = await readDocument(env.TENANTS, tenant);
    if (!document) return { ok: false };
    const stored = parseLoaded(env, tenant, document);
    if (stored.ok) return stored;
    logError({ event: 'bad_configuration', tenant, ...stored });
    // The stored configuration is not valid, but the tenant's object still has the last valid one.
    const lastGood = await askTenant(env, tenant, (stub) => stub.document());
    return lastGood === undefined ? stored : parseLoaded(env, tenant, parseDocument(lastGood));
  });
}

/** Ids and hashes of the API keys that a document has. */
export function keysOf(
  document: TenantDocument | undefined,
): Array<{ id: string; sha256: string }> {
  const parsed = z
    .array(z.object({ id: z.string(), sha256: z.string() }))
    .safeParse(document?.config.keys);
  return parsed.success ? parsed.data : [];
}

function parseLoaded(env: Env, tenant: string, { version, config }: TenantDocument): TenantLookup {
  const parsed = parseStoredConfig(config, { development: env.ENVIRONMENT === 'development' });
  if (!parsed.ok) return { ok: false, problems: parsed.problems };
  return { ok: true, loaded: { tenant, version, config: parsed.config } };
}

/**
 * The owner of an API key, by its SHA-256 in hex, from the cache or from KV. Throws `Unreachable`.
 */
export async function loadKeyOwner(kv: KVNamespace, sha256: string): Promise<KeyOwner | undefined> {
  return readThrough(keys, sha256, isOwned, () => readKeyOwner(kv, sha256));
}

/** The owner of an API key, read without the cache. */
export async function readKeyOwner(kv: KVNamespace, sha256: string): Promise<KeyOwner | undefined> {
  const parsed = ownerSchema.safeParse(await kv.get(hashKey(sha256), 'json'));
  return parsed.success ? parsed.data : undefined;
}

/** Removes a tenant from this isolate's cache, because the entry is outdated. */
export function forgetTenant(tenant: string): void {
  tenants.delete(tenant);
}

/** Removes an API key from this isolate's cache, because the entry is outdated. */
export function forgetKey(sha256: string): void {
  keys.delete(sha256);
}

const isConfigured = (lookup: TenantLookup) => lookup.ok;
const isOwned = (owner: KeyOwner | undefined) => owner !== undefined;

async function readThrough<T>(
  cache: Map<string, CacheEntry<T>>,
  key: string,
  /** False for a lookup that found nothing: it is not used while KV cannot be read. */
  isFound: (value: T) => boolean,
  load: () => Promise<T>,
): Promise<T> {
  const now = Date.now();
  const cached = cache.get(key);
  if (cached && now < cached.until) return cached.value;
  let value: T;
  try {
    value = await load();
  } catch (error) {
    const isTooOld = !cached || now > cached.readAt + MAX_STALE_MS;
    if (isTooOld || !isFound(cached.value)) throw new Unreachable(String(error));
    logError({ event: 'configuration_unreadable', error: String(error) });
    cache.set(key, { ...cached, until: now + UNREADABLE_PAUSE_MS });
    return cached.value;
  }
  cache.delete(key);
  cache.set(key, { value, readAt: now, until: now + CACHE_MS });
  if (cache.size > MAX_CACHED) {
    const [oldest] = cache.keys();
    if (oldest !== undefined) cache.delete(oldest);
  }
  return value;
}
