/**
 * Claims the hashes of API keys for a tenant before they are stored, and gives them up after they are
 * deleted, so that no two tenants have the same key. The register itself is
 * `durable-objects/key-register.ts`; what KV has of a key is written in `distribution.ts`.
 */

import { askObject, askTenant } from '../objects/ask-object.ts';
import { type HeldKey, KEY_REGISTER, type KeyRegisterApi } from '../protocol/key-register.ts';
import { logError } from '../protocol/log.ts';
import { keysOf, parseDocument } from './store.ts';

/** Claims hashes, all or none; answers those that belong to other tenants. Throws `Unreachable`. */
export async function claimKeys(
  env: Env,
  tenant: string,
  sha256s: readonly string[],
): Promise<readonly string[]> {
  if (sha256s.length === 0) return [];
  const claim = (abandoned: readonly HeldKey[]) =>
    askObject(() => registerStub(env).claim(tenant, sha256s, abandoned));
  const held = await claim([]);
  if (held.length === 0) return [];
  const abandoned = await unusedOf(env, held);
  const left = abandoned.length > 0 ? await claim(abandoned) : held;
  return left.map(({ sha256 }) => sha256);
}

/** Gives up hashes that the tenant has no more. A failure is only logged: see `unusedOf`. */
export async function releaseKeys(
  env: Env,
  tenant: string,
  sha256s: readonly string[],
): Promise<void> {
  if (sha256s.length === 0) return;
  try {
    await askObject(() => registerStub(env).release(tenant, sha256s));
  } catch (error) {
    logError({ event: 'keys_not_released', tenant, error: String(error) });
  }
}

/** The claims whose tenant does not have the key: its change failed after the claim. */
async function unusedOf(env: Env, held: readonly HeldKey[]): Promise<HeldKey[]> {
  const holders = [...new Set(held.map(({ tenant }) => tenant))];
  const used = new Map(
    await Promise.all(
      holders.map(async (holder) => {
        const text = await askTenant(env, holder, (stub) => stub.document());
        const keys = keysOf(text === undefined ? undefined : parseDocument(text));
        return [holder, new Set(keys.map(({ sha256 }) => sha256))] as const;
      }),
    ),
  );
  return held.filter(({ sha256, tenant }) => !used.get(tenant)?.has(sha256));
}

/** The cast: RPC's generated types wrap every result; plain data passes. */
function registerStub(env: Env): KeyRegisterApi {
  return env.KEYS.getByName(KEY_REGISTER) as unknown as KeyRegisterApi;
}
