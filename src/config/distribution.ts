/**
 * How a configuration gets to the edges: the tenant's object is where it is changed, KV is where the
 * Workers read it. KV takes one write a second of one key.
 */
import { z } from 'zod';
import { askTenant } from '../objects/ask-object.ts';
import type { TenantDocument } from '../protocol/tenant.ts';
import {
  forgetKey,
  forgetTenant,
  hashKey,
  type KeyOwner,
  parseDocument,
  tenantKey,
} from './store.ts';

/** Keys that KV reads at once. */
const MOST_READ = 100;
/** Writes of one key, while KV says that it is written too often (429), and the pause between them. */
const MOST_TRIES = 4;
const BUSY_MS = 1_100;

/**
 * Distributes what the object has. Changes may overtake each other on their way to KV, which keeps
 * whatever came last: so the object is asked again after each write, until it has nothing newer.
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
    last = next;
    const text = await askTenant(env, tenant, (stub) => stub.document());
    // It was deleted meanwhile: nothing of it may come back.
    if (text === undefined) return withdraw(env.TENANTS, tenant, last);
    const newest = parseDocument(text);
    next = newest.version > last.version ? newest : undefined;
  }
}

/** The tenant's document, its keys, and the end of those it lost. */
export async function distribute(
  kv: KVNamespace,
  tenant: string,
  document: TenantDocument,
  before: TenantDocument | undefined,
): Promise<void> {
  const present = keysOf(document);
  const known = new Set(keysOf(before).map((k) => k.sha256));
  // What an earlier change could not write is written now; what is there costs no write.
  const lost = await missing(
    kv,
    present.filter((k) => known.has(k.sha256)),
  );
  // Keys first: a configuration without its keys would turn clients away.
  for (const key of present) {
    if (!known.has(key.sha256) || lost.has(key.sha256)) {
      await retryWhileBusy(() =>
        kv.put(hashKey(key.sha256), JSON.stringify({ tenant, keyId: key.id })),
      );
    }
    forgetKey(key.sha256);
  }
  await retryWhileBusy(() => kv.put(tenantKey(tenant), JSON.stringify(document)));
  const kept = new Set(present.map((k) => k.sha256));
  for (const key of keysOf(before)) {
    if (!kept.has(key.sha256)) await retryWhileBusy(() => kv.delete(hashKey(key.sha256)));
    forgetKey(key.sha256);
  }
  forgetTenant(tenant);
}

/** Hashes of keys that KV does not have, has with another id, or does not tell of. */
async function missing(
  kv: KVNamespace,
  keys: ReadonlyArray<{ id: string; sha256: string }>,
): Promise<Set<string>> {
  const lost = new Set<string>();
  for (let at = 0; at < keys.length; at += MOST_READ) {
    const part = keys.slice(at, at + MOST_READ);
    const names = part.map((k) => hashKey(k.sha256));
    const read = await kv.get<KeyOwner>(names, 'json').catch(() => undefined);
    for (const { id, sha256 } of part) {
      if (read?.get(hashKey(sha256))?.keyId !== id) lost.add(sha256);
    }
  }
  return lost;
}

/** A write that KV has not the time for is made a little later. */
async function retryWhileBusy(write: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      if (tries >= MOST_TRIES || !String(error).includes('429')) throw error;
      await new Promise((resolve) => setTimeout(resolve, tries * BUSY_MS));
    }
  }
}

export async function withdraw(
  kv: KVNamespace,
  tenant: string,
  last: TenantDocument | undefined,
): Promise<void> {
  await retryWhileBusy(() => kv.delete(tenantKey(tenant)));
  for (const key of keysOf(last)) {
    await retryWhileBusy(() => kv.delete(hashKey(key.sha256)));
    forgetKey(key.sha256);
  }
  forgetTenant(tenant);
}

function keysOf(document: TenantDocument | undefined): Array<{ id: string; sha256: string }> {
  const parsed = z
    .array(z.object({ id: z.string(), sha256: z.string() }))
    .safeParse(document?.config.keys);
  return parsed.success ? parsed.data : [];
}
