/** A configuration on its way in, by a PUT or an import: checked, and its keys sealed. */
import { sealKeys } from '../credentials/seal-config.ts';
import type { Problem } from '../problem.ts';
import { parseStoredConfig, parseTenantConfig } from './parse.ts';

export type Incoming =
  /** As it may be stored: JSON text, keys sealed, defaults not filled in. */
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Of the present form, unless its `format` says that it is of an earlier one. */
export async function takeIn(input: unknown, tenant: string, env: Env): Promise<Incoming> {
  const rules = { development: env.ENVIRONMENT === 'development', plainKeys: true };
  const hasFormat = typeof input === 'object' && input !== null && Object.hasOwn(input, 'format');
  const parsed = hasFormat ? parseStoredConfig(input, rules) : parseTenantConfig(input, rules);
  if (!parsed.ok) return parsed;
  const { config, problems } = await sealKeys(input as object, tenant, env.MASTER_KEY);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, text: JSON.stringify(config) };
}
