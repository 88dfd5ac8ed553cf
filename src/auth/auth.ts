/** Who calls: a tenant's key, or the administrator's token. Keys are known by their hash only. */
import { type KeyOwner, loadKeyOwner } from '../config/store.ts';
import { failure, type Outcome } from '../http/errors.ts';
import { hex, sha256, sha256Hex } from '../http/sha256.ts';

/** Longer than any key that was ever issued; not worth hashing. */
const MAX_KEY_CHARS = 256;

/** `apiKeyHeader`: the key may stand in `x-api-key` instead, as Anthropic's clients send it. */
export async function authenticate(
  headers: Headers,
  kv: KVNamespace,
  apiKeyHeader: boolean,
): Promise<Outcome<{ owner: KeyOwner; sha256: string }>> {
  const key = bearer(headers) ?? (apiKeyHeader ? usable(headers.get('x-api-key')) : undefined);
  if (!key) {
    const or = apiKeyHeader ? ' or "x-api-key: KEY"' : '';
    return failure('invalid_api_key', { message: `Send "Authorization: Bearer KEY"${or}.` });
  }
  const keyHash = await sha256Hex(key);
  const owner = await loadKeyOwner(kv, keyHash);
  return owner ? { ok: true, owner, sha256: keyHash } : failure('invalid_api_key');
}

/**
 * `adminTokens` may hold several with commas between, all of them valid: to change one, the new one is
 * added first and the old one taken out when nobody uses it any more.
 */
export async function authenticateAdmin(
  headers: Headers,
  adminTokens: string | undefined,
): Promise<Outcome<object>> {
  const token = bearer(headers);
  if (!token) return failure('invalid_api_key');
  const wanted = (adminTokens ?? '').split(',').map((t) => t.trim());
  const given = await sha256(token);
  // Each is compared, and as a whole: how long it takes tells nothing of any of them.
  const matches = await Promise.all(
    wanted.map(async (t) => crypto.subtle.timingSafeEqual(given, await sha256(t))),
  );
  return matches.includes(true) ? { ok: true } : failure('invalid_api_key');
}

/** A new key, 160 bits of chance, and the id by which it is spoken of. */
export function newKey(): { id: string; key: string } {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return { id: `key_${hex(bytes.subarray(0, 4))}`, key: `tal_${hex(bytes.subarray(4))}` };
}

function bearer(headers: Headers): string | undefined {
  return usable(/^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]);
}

function usable(key: string | null | undefined): string | undefined {
  return key && key.length <= MAX_KEY_CHARS ? key : undefined;
}
