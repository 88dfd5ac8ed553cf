/**
 * Checks a configuration that comes from a PUT or an import, and seals its keys. Checks that
 * concern every configuration, also a stored one, are in `config/parse.ts`.
 */

import { claimKeys } from '../config/key-claims.ts';
import { parseStoredConfig, parseTenantConfig } from '../config/parse.ts';
import type { KeyHash } from '../config/schema.ts';
import { readKeyOwner } from '../config/store.ts';
import type { Problem } from '../http/problem.ts';
import { sealKeys } from './seal-config.ts';

export type AcceptedConfig =
  /** The configuration as it may be stored: JSON text, keys sealed, defaults not filled in. */
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The input is of the current format unless its `format` names an earlier one. */
export async function acceptConfig(
  input: unknown,
  tenant: string,
  env: Env,
): Promise<AcceptedConfig> {
  const rules = { development: env.ENVIRONMENT === 'development', plainKeys: true };
  const hasFormat = typeof input === 'object' && input !== null && Object.hasOwn(input, 'format');
  const parsed = hasFormat ? parseStoredConfig(input, rules) : parseTenantConfig(input, rules);
  if (!parsed.ok) return parsed;
  const { config, problems } = await sealKeys(input as object, tenant, env.MASTER_KEY);
  const { keys = [] } = parsed.config;
  const foreignKeys = foreignKeyProblems(keys, await keysOfOthers(keys, tenant, env.TENANTS));
  const found = [...problems, ...foreignKeys];
  if (found.length > 0) return { ok: false, problems: found };
  // Of two tenants that put the same key at once, one gets here.
  const lost = await claimKeys(
    env,
    tenant,
    keys.map((k) => k.sha256),
  );
  if (lost.length > 0) return { ok: false, problems: foreignKeyProblems(keys, lost) };
  return { ok: true, text: JSON.stringify(config) };
}

/** The hashes that KV has of another tenant. */
async function keysOfOthers(
  keys: readonly KeyHash[],
  tenant: string,
  kv: KVNamespace,
): Promise<string[]> {
  const owners = await Promise.all(keys.map((key) => readKeyOwner(kv, key.sha256)));
  return keys.flatMap(({ sha256 }, i) => {
    const owner = owners[i];
    return owner === undefined || owner.tenant === tenant ? [] : [sha256];
  });
}

/** Problems for API keys of another tenant: its holders would gain access to this one instead. */
function foreignKeyProblems(keys: readonly KeyHash[], foreign: readonly string[]): Problem[] {
  return keys.flatMap(({ sha256 }, i) =>
    foreign.includes(sha256)
      ? [{ param: `keys[${i}].sha256`, message: 'it is the key of another tenant' }]
      : [],
  );
}
