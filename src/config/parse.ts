/** A tenant's configuration, checked: behind this parse nothing asks whether it is sound. */
import { type Problem, problemsOf } from '../problem.ts';
import { crossCheck } from './cross-check.ts';
import type { UrlRules } from './endpoint-url.ts';
import { type TenantConfig, tenantSchema } from './schema.ts';

export type ParsedConfig =
  | { readonly ok: true; readonly config: TenantConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Checks a configuration and fills in the defaults. */
export function parseTenantConfig(input: unknown, rules: UrlRules): ParsedConfig {
  const parsed = tenantSchema.safeParse(input);
  if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) };
  const problems = [...crossCheck(parsed.data, rules)];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: parsed.data };
}
