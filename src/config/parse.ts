/** A tenant's configuration, checked: behind this parse nothing asks whether it is sound. */
import { type Problem, pathText, problemsOf } from '../http/problem.ts';
import { crossCheck, type Rules } from './cross-check.ts';
import { type TenantConfig, tenantSchema } from './schema.ts';
import { upgradeConfig } from './upgrade.ts';

export type ParsedConfig =
  | { readonly ok: true; readonly config: TenantConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Checks a configuration of the present form and fills in the defaults. */
export function parseTenantConfig(input: unknown, rules: Rules): ParsedConfig {
  const parsed = tenantSchema.safeParse(input);
  if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) };
  const hostile = prototypeKey(input);
  if (hostile) return { ok: false, problems: [hostile] };
  const problems = [...crossCheck(parsed.data, rules)];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: parsed.data };
}

/** The same of a stored one, which may be of an earlier form. */
export function parseStoredConfig(input: unknown, rules: Rules): ParsedConfig {
  const upgraded = upgradeConfig(input);
  return upgraded.ok ? parseTenantConfig(upgraded.config, rules) : upgraded;
}

/**
 * `__proto__` as a key: the schema passes it over in silence. Asked behind the schema only, so that
 * what is walked through is no deeper than a configuration is.
 */
function prototypeKey(input: unknown): Problem | undefined {
  const open: Array<readonly [PropertyKey[], unknown]> = [[[], input]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [path, value] = next;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, Array.isArray(value) ? Number(key) : key];
      if (key === '__proto__') return { param: pathText(at), message: 'expected another name' };
      open.push([at, inner]);
    }
  }
  return undefined;
}
