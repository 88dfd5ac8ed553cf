/**
 * Distributes a tenant's configuration: it is changed in the tenant's object and written to KV,
 * where the Workers read it. KV accepts one write a second for each KV key. The readers are in
 * `store.ts`.
 */

import { askTenant } from '../objects/ask-object.ts';
import { logError } from '../protocol/log.ts';
import type { TenantDocument } from '../protocol/tenant.ts';
import { releaseKeys } from './key-claims.ts';
import { distributeOrigins } from './origins.ts';
import {
  forgetKey,
  forgetTenant,
  hashKey,
  type KeyOwner,
  keysOf,
  parseDocument,
  readKeyOwner,
  tenantKey,
} from './store.ts';

/** Most KV keys of one bulk read. */
const MOST_READ = 100;
/**
 * Attempts to write a KV key that KV refuses as written too often (429), and the unit of the pause,
 * ms.
 */
const MOST_TRIES = 4;
const BUSY_MS = 1_100;

/**
 * Distributes the newest document of the tenant's object. Changes may overtake each other on their
 * way to KV, which keeps the last one written, so the object is asked again after each write until
 * it has nothing newer.
 */
export async function distributeNewest(
  env: Env,
  tenant: string,
  document: TenantDocument,
  before: TenantDocument | undefined,
): Promise<void> {
  let last = before;
  for (let next: TenantDocument | undefined = document; next; ) {
    await distribute(env.TENANTS, tenant, next, last);
    const present = new Set(keysOf(next).map((k) => k.sha256));
    const gone = keysOf(last).map((k) => k.sha256);
    await releaseKeys(
      env,
      tenant,
      gone.filter((sha256) => !present.has(sha256)),
    );
    last = next;
    const text = await askTenant(env, tenant, (stub) => stub.document());
    // The tenant was deleted in the meantime: nothing of it may remain in KV.
    if (text === undefined) return withdraw(env, tenant, last);
    const newest = parseDocument(text);
    next = newest.version > last.version ? newest : undefined;
  }
}

/**
 * Writes the tenant's document and its API keys, and deletes the keys that `before` had and it has
 * not.
 */
export async function distribute(
  kv: KVNamespace,
  tenant: string,
  document: TenantDocument,
  before: TenantDocument | undefined,
): Promise<void> {
  const present = keysOf(document);
  const writtenBefore = new Set(keysOf(before).map((k) => k.sha256));
  // Keys that an earlier change failed to write are written now; keys in KV cost no write.
  const missingKeys = await missing(
    kv,
    tenant,
    present.filter((k) => writtenBefore.has(k.sha256)),
  );
  // API keys come first: with a configuration but without its keys, clients would be refused.
  for (const key of present) {
    if (!writtenBefore.has(key.sha256) || missingKeys.has(key.sha256)) {
      await retryWhileBusy(() =>
        kv.put(hashKey(key.sha256), JSON.stringify({ tenant, keyId: key.id })),
      );
    }
    forgetKey(key.sha256);
  }
  await retryWhileBusy(() => kv.put(tenantKey(tenant), JSON.stringify(document)));
  await distributeOrigins(kv, tenant, document, before, retryWhileBusy);
  const kept = new Set(present.map((k) => k.sha256));
  for (const key of keysOf(before)) {
    if (!kept.has(key.sha256)) await deleteOwn(kv, tenant, key.sha256);
    forgetKey(key.sha256);
  }
  forgetTenant(tenant);
}

/** Hashes of keys that KV does not have, has with another id, or cannot read. */
async function missing(
  kv: KVNamespace,
  tenant: string,
  keys: ReadonlyArray<{ id: string; sha256: string }>,
): Promise<Set<string>> {
  const missingKeys = new Set<string>();
  for (let at = 0; at < keys.length; at += MOST_READ) {
    const part = keys.slice(at, at + MOST_READ);
    const names = part.map((k) => hashKey(k.sha256));
    const read = await kv.get<KeyOwner>(names, 'json').catch(() => undefined);
    for (const { id, sha256 } of part) {
      const owner = read?.get(hashKey(sha256));
      if (owner && owner.tenant !== tenant) {
        // Two tenants got the key before there was a register: the one that KV has keeps it.
        logError({ event: 'key_of_another_tenant', tenant, key: id });
      } else if (owner?.keyId !== id) missingKeys.add(sha256);
    }
  }
  return missingKeys;
}

/** Retries a write that KV refuses as too frequent. */
async function retryWhileBusy(write: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (attempt >= MOST_TRIES || !String(error).includes('429')) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * BUSY_MS));
    }
  }
}

/** Deletes the tenant's document and the API keys of its last version from KV. */
export async function withdraw(
  env: Env,
  tenant: string,
  last: TenantDocument | undefined,
): Promise<void> {
  const kv = env.TENANTS;
  const sha256s = keysOf(last).map((k) => k.sha256);
  await retryWhileBusy(() => kv.delete(tenantKey(tenant)));
  await distributeOrigins(kv, tenant, undefined, last, retryWhileBusy);
  for (const sha256 of sha256s) {
    await deleteOwn(kv, tenant, sha256);
    forgetKey(sha256);
  }
  await releaseKeys(env, tenant, sha256s);
  forgetTenant(tenant);
}

/** Deletes a key's owner from KV, unless that is another tenant. */
async function deleteOwn(kv: KVNamespace, tenant: string, sha256: string): Promise<void> {
  // Where KV cannot be read the key is deleted: a revoked key must not live on.
  const owner = await readKeyOwner(kv, sha256).catch(() => undefined);
  if (owner && owner.tenant !== tenant) return;
  await retryWhileBusy(() => kv.delete(hashKey(sha256)));
}
