/**
 * Tenants and key hashes as they are read of KV, and each isolate's short memory of them. A stored
 * configuration that does not parse never replaces the last good one.
 */
import { z } from 'zod';
import type { Problem } from '../http/problem.ts';
import { askTenant, Unreachable } from '../objects/ask-object.ts';
import type { TenantDocument } from '../protocol/tenant.ts';
import { parseStoredConfig } from './parse.ts';
import type { TenantConfig } from './schema.ts';

/** How long an isolate believes what it read, ms. A revoked key is refused by the object at once. */
const BELIEVED_MS = 10_000;
const MAX_REMEMBERED = 5_000;
/** And how long where KV cannot be read, ms. */
const BELIEVED_BLINDLY_MS = 3_600_000;
/** Then it is not asked again for so long, ms. */
const BLIND_MS = 1_000;

const documentSchema = z.object({
  version: z.number(),
  config: z.record(z.string(), z.unknown()),
});
const ownerSchema = z.object({ tenant: z.string(), keyId: z.string() });

/** To whom a key belongs. */
export type KeyOwner = z.infer<typeof ownerSchema>;

export interface LoadedTenant {
  readonly tenant: string;
  readonly version: number;
  readonly config: TenantConfig;
}

export type TenantLookup =
  | { readonly ok: true; readonly loaded: LoadedTenant }
  | { readonly ok: false; readonly problems?: readonly Problem[] };

interface Remembered<T> {
  readonly value: T;
  readonly readAt: number;
  readonly until: number;
}

const tenants = new Map<string, Remembered<TenantLookup>>();
const keys = new Map<string, Remembered<KeyOwner | undefined>>();

export function tenantKey(tenant: string): string {
  return `tenant:${tenant}`;
}

export function hashKey(sha256: string): string {
  return `key:${sha256}`;
}

export async function readDocument(
  kv: KVNamespace,
  tenant: string,
): Promise<TenantDocument | undefined> {
  const parsed = documentSchema.safeParse(await kv.get(tenantKey(tenant), 'json'));
  return parsed.success ? parsed.data : undefined;
}

/** A document that came from the tenant's object as text. */
export function parseDocument(text: string): TenantDocument {
  return documentSchema.parse(JSON.parse(text));
}

/** The tenant's configuration, checked and with its defaults. */
export async function loadTenant(env: Env, tenant: string): Promise<TenantLookup> {
  return remember(tenants, tenant, isConfigured, async () => {
    const document = await readDocument(env.TENANTS, tenant);
    if (!document) return { ok: false };
    const stored = check(env, tenant, document);
    if (stored.ok) return stored;
    console.error(JSON.stringify({ event: 'bad_configuration', tenant, ...stored }));
    // What is stored is not valid: its object still has the last that was.
    const lastGood = await askTenant(env, tenant, (stub) => stub.document());
    return lastGood === undefined ? stored : check(env, tenant, parseDocument(lastGood));
  });
}

function check(env: Env, tenant: string, { version, config }: TenantDocument): TenantLookup {
  const parsed = parseStoredConfig(config, { development: env.ENVIRONMENT === 'development' });
  if (!parsed.ok) return { ok: false, problems: parsed.problems };
  return { ok: true, loaded: { tenant, version, config: parsed.config } };
}

/** Whose key this is, by its SHA-256 in hex. */
export async function loadKeyOwner(kv: KVNamespace, sha256: string): Promise<KeyOwner | undefined> {
  return remember(keys, sha256, isOwned, () => readKeyOwner(kv, sha256));
}

/** The same, without this isolate's memory. */
export async function readKeyOwner(kv: KVNamespace, sha256: string): Promise<KeyOwner | undefined> {
  const parsed = ownerSchema.safeParse(await kv.get(hashKey(sha256), 'json'));
  return parsed.success ? parsed.data : undefined;
}

/** What this isolate believes of a tenant turned out to be old. */
export function forgetTenant(tenant: string): void {
  tenants.delete(tenant);
}

/** The same of a key. */
export function forgetKey(sha256: string): void {
  keys.delete(sha256);
}

const isConfigured = (lookup: TenantLookup) => lookup.ok;
const isOwned = (owner: KeyOwner | undefined) => owner !== undefined;

async function remember<T>(
  memory: Map<string, Remembered<T>>,
  key: string,
  /** What was not there may be there by now: only what was found is believed blindly. */
  isFound: (value: T) => boolean,
  load: () => Promise<T>,
): Promise<T> {
  const now = Date.now();
  const known = memory.get(key);
  if (known && now < known.until) return known.value;
  let value: T;
  try {
    value = await load();
  } catch (error) {
    const isOld = !known || now > known.readAt + BELIEVED_BLINDLY_MS;
    if (isOld || !isFound(known.value)) throw new Unreachable(String(error));
    console.error(JSON.stringify({ event: 'configuration_unreadable', error: String(error) }));
    memory.set(key, { ...known, until: now + BLIND_MS });
    return known.value;
  }
  memory.delete(key);
  memory.set(key, { value, readAt: now, until: now + BELIEVED_MS });
  if (memory.size > MAX_REMEMBERED) {
    const [oldest] = memory.keys();
    if (oldest !== undefined) memory.delete(oldest);
  }
  return value;
}
