/**
 * Authenticates callers by a tenant's API key or the administrator's token. Keys are known only by
 * their hash. The keys of endpoints are in `sealed-key.ts`.
 */

import { type KeyOwner, loadKeyOwner } from '../config/store.ts';
import { failure, type Outcome } from '../http/errors.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { KnownHashes } from '../http/known-hashes.ts';
import { hex, sha256 } from '../http/sha256.ts';
import { bearer, KEY_HEADERS, MAX_KEY_CHARS } from './key-headers.ts';

/** Hashes of keys that have an owner: whether they still have one is looked up with each call. */
const hashes = new KnownHashes({ most: 1_000, maxChars: MAX_KEY_CHARS });

/**
 * Tries each key that was sent: agents send a stale token of their own beside the one that they were
 * configured with.
 */
export async function authenticate(
  headers: HeaderReader,
  kv: KVNamespace,
): Promise<Outcome<{ owner: KeyOwner; sha256: string }>> {
  const keys = new Set(KEY_HEADERS.map(({ read }) => read(headers)));
  keys.delete(undefined);
  if (keys.size === 0) {
    const message =
      'Send the key in one of "Authorization: Bearer KEY", "x-api-key: KEY" and "api-key: KEY".';
    return failure('invalid_api_key', { message });
  }
  for (const key of keys) {
    if (key === undefined) continue;
    const keyHash = await hashes.of(key);
    const owner = await loadKeyOwner(kv, keyHash);
    if (!owner) continue;
    hashes.keep(key, keyHash);
    return { ok: true, owner, sha256: keyHash };
  }
  return failure('invalid_api_key');
}

/**
 * `adminTokens` may contain several tokens, separated by commas, all of them valid: to replace one,
 * the new one is added first and the old one removed once nobody uses it any more. One that is
 * written `NAME:TOKEN` has a name, by which the audit log knows who uses it; any other is known by
 * the start of its hash.
 */
export async function authenticateAdmin(
  headers: HeaderReader,
  adminTokens: string | undefined,
): Promise<Outcome<{ name: string }>> {
  return administrator(bearer(headers), adminTokens);
}

/** The same of a token that did not come in a header. */
export async function administrator(
  token: string | undefined,
  adminTokens: string | undefined,
): Promise<Outcome<{ name: string }>> {
  const message = "The administrator's token is missing or wrong.";
  if (!token) return failure('invalid_api_key', { message });
  const given = await sha256(token);
  let name: string | undefined;
  // Every token is compared, and by its hash, so that the duration reveals nothing about any of
  // them.
  for (const entry of (adminTokens ?? '').split(',')) {
    const [, named, rest] = /^([\w.-]{1,32}):(.{16,})$/.exec(entry.trim()) ?? [];
    for (const valid of named === undefined ? [entry.trim()] : [entry.trim(), rest ?? '']) {
      if (!crypto.subtle.timingSafeEqual(given, await sha256(valid))) continue;
      name = named ?? `#${hex(new Uint8Array(given, 0, 4))}`;
    }
  }
  return name === undefined ? failure('invalid_api_key', { message }) : { ok: true, name };
}

/** A new key with 160 random bits, and the id that refers to it. */
export function newKey(): { id: string; key: string } {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return { id: `key_${hex(bytes.subarray(0, 4))}`, key: `tal_${hex(bytes.subarray(4))}` };
}
