/**
 * Authenticates callers by a tenant's API key or the administrator's token. Keys are known only by
 * their hash. The keys of endpoints are in `sealed-key.ts`.
 */
import { type KeyOwner, loadKeyOwner } from '../config/store.ts';
import { failure, type Outcome } from '../http/errors.ts';
import { hex, sha256, sha256Hex } from '../http/sha256.ts';
import { bearer, KEY_HEADERS } from './key-headers.ts';

/**
 * Tries each key that was sent: agents send a stale token of their own beside the one that they were
 * configured with.
 */
export async function authenticate(
  headers: Headers,
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
    const keyHash = await sha256Hex(key ?? '');
    const owner = await loadKeyOwner(kv, keyHash);
    if (owner) return { ok: true, owner, sha256: keyHash };
  }
  return failure('invalid_api_key');
}

/**
 * `adminTokens` may contain several tokens, separated by commas, all of them valid: to replace one,
 * the new one is added first and the old one removed once nobody uses it any more.
 */
export async function authenticateAdmin(
  headers: Headers,
  adminTokens: string | undefined,
): Promise<Outcome<object>> {
  const token = bearer(headers);
  if (!token) return failure('invalid_api_key');
  const validTokens = (adminTokens ?? '').split(',').map((t) => t.trim());
  const given = await sha256(token);
  // Every token is compared, and by its hash, so that the duration reveals nothing about any of
  // them.
  const matches = await Promise.all(
    validTokens.map(async (t) => crypto.subtle.timingSafeEqual(given, await sha256(t))),
  );
  return matches.includes(true) ? { ok: true } : failure('invalid_api_key');
}

/** A new key with 160 random bits, and the id that refers to it. */
export function newKey(): { id: string; key: string } {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return { id: `key_${hex(bytes.subarray(0, 4))}`, key: `tal_${hex(bytes.subarray(4))}` };
}
