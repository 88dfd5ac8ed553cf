/** A configuration on its way in, by a PUT or an import: checked, and its keys sealed. */

import { parseStoredConfig, parseTenantConfig } from '../config/parse.ts';
import type { KeyHash } from '../config/schema.ts';
import { readKeyOwner } from '../config/store.ts';
import type { Problem } from '../http/problem.ts';
import { sealKeys } from './seal-config.ts';

export type AcceptedConfig =
  /** As it may be stored: JSON text, keys sealed, defaults not filled in. */
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Of the present form, unless its `format` says that it is of an earlier one. */
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
  const taken = await othersKeys(parsed.config.keys ?? [], tenant, env.TENANTS);
  if (problems.length + taken.length > 0) return { ok: false, problems: [...problems, ...taken] };
  return { ok: true, text: JSON.stringify(config) };
}

/** Keys that are another tenant's: whoever has one would be let in here instead. */
async function othersKeys(
  keys: readonly KeyHash[],
  tenant: string,
  kv: KVNamespace,
): Promise<Problem[]> {
  const owners = await Promise.all(keys.map((key) => readKeyOwner(kv, key.sha256)));
  return owners.flatMap((owner, i) =>
    owner === undefined || owner.tenant === tenant
      ? []
      : [{ param: `keys[${i}].sha256`, message: 'it is the key of another tenant' }],
  );
}
