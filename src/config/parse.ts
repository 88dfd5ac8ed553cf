/**
 * Parses a tenant's configuration: schema, defaults and cross-checks. Code that has the result
 * relies on it without further checks.
 */
import { type Problem, pathText, problemsOf } from '../http/problem.ts';
import { crossCheck, type Rules } from './cross-check.ts';
import { type TenantConfig, tenantSchema } from './schema.ts';
import { upgradeConfig } from './upgrade.ts';

export type ParsedConfig =
  | { readonly ok: true; readonly config: TenantConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Checks a configuration of the current format and fills in the defaults. */
export function parseTenantConfig(input: unknown, rules: Rules): ParsedConfig {
  const parsed = tenantSchema.safeParse(input);
  if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) };
  const prototypeProblem = prototypeKey(input);
  if (prototypeProblem) return { ok: false, problems: [prototypeProblem] };
  const problems = [...crossCheck(parsed.data, rules)];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: parsed.data };
}

/** Does the same for a stored configuration, which may have an earlier format. */
export function parseStoredConfig(input: unknown, rules: Rules): ParsedConfig {
  const upgraded = upgradeConfig(input);
  return upgraded.ok ? parseTenantConfig(upgraded.config, rules) : upgraded;
}

/**
 * Finds `__proto__` as a key, which the schema ignores silently. Call it only after the schema,
 * which limits the depth of the input.
 */
function prototypeKey(input: unknown): Problem | undefined {
  const pending: Array<readonly [PropertyKey[], unknown]> = [[[], input]];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [path, value] = next;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, Array.isArray(value) ? Number(key) : key];
      if (key === '__proto__') return { param: pathText(at), message: 'expected another name' };
      pending.push([at, inner]);
    }
  }
  return undefined;
}
