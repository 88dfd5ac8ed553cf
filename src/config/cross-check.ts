/**
 * Checks that concern several fields of a configuration or need more than a schema: duplicate and
 * reserved names, URLs, and fallbacks that form a cycle. The schema is in `schema.ts`.
 */
import type { Problem } from '../http/problem.ts';
import { adapterProblems } from './adapter-settings.ts';
import { type EndpointConfig, endpointId } from './backend-settings.ts';
import { endpointUrlProblem, type UrlRules } from './endpoint-url.ts';
import { modelProblems } from './model-entry.ts';
import { NO_KEYS } from './no-keys.ts';
import { prewarmProblems } from './prewarm-settings.ts';
import type { TenantConfig } from './schema.ts';

export interface Rules extends UrlRules {
  /** Plain endpoint keys are allowed: in a configuration that is put, never in a stored one. */
  readonly plainKeys?: boolean;
}

export function* crossCheck(config: TenantConfig, rules: Rules): Iterable<Problem> {
  yield* prewarmProblems(config);
  yield* checkFallbacks(config);
  yield* checkKeys(config);
  yield* modelProblems(config.backends);
  yield* adapterProblems(config.backends);
  for (const [backendName, b] of Object.entries(config.backends)) {
    const at = `backends.${backendName}`;
    if (backendName === 'client') {
      yield { param: at, message: 'the name "client" is taken: units of the client' };
    }
    const ids = new Set<string>();
    for (const [i, e] of b.endpoints.entries()) {
      const param = `${at}.endpoints[${i}]`;
      yield* checkEndpoint(e, param, rules);
      const id = endpointId(e);
      if (ids.has(id)) {
        yield { param: `${param}.name`, message: `"${id}" is named twice in this backend` };
      }
      ids.add(id);
    }
  }
}

function* checkEndpoint(e: EndpointConfig, param: string, rules: Rules): Iterable<Problem> {
  const problem = endpointUrlProblem(e.url, rules);
  if (problem) yield { param: `${param}.url`, message: problem };
  const statusProblem =
    e.statusUrl === undefined ? undefined : endpointUrlProblem(e.statusUrl, rules);
  if (statusProblem) yield { param: `${param}.statusUrl`, message: statusProblem };
  if (!e.auth) return;
  const { secret, value, sealed } = e.auth;
  if ([secret, value, sealed].filter((given) => given !== undefined).length !== 1) {
    const message = 'expected exactly one of "secret", "value" and "sealed"';
    yield { param: `${param}.auth`, message };
  }
  if (secret !== undefined && NO_KEYS.test(secret)) {
    const message = `"${secret}" is Talaria's own and no key of an endpoint`;
    yield { param: `${param}.auth.secret`, message };
  }
  if (value !== undefined && !rules.plainKeys) {
    const message = 'a key is never stored as it is: put it through the admin API';
    yield { param: `${param}.auth.value`, message };
  }
}

/** API keys need distinct ids and distinct hashes. */
function* checkKeys({ keys = [] }: TenantConfig): Iterable<Problem> {
  for (const field of ['id', 'sha256'] as const) {
    const seen = new Set<string>();
    for (const [i, key] of keys.entries()) {
      if (seen.has(key[field]))
        yield { param: `keys[${i}].${field}`, message: 'it is there twice' };
      seen.add(key[field]);
    }
  }
}

/** Following fallbacks from any backend must end. */
function* checkFallbacks({ backends }: TenantConfig): Iterable<Problem> {
  for (const [start, { fallback }] of Object.entries(backends)) {
    if (fallback === undefined) continue;
    const param = `backends.${start}.fallback`;
    if (!Object.hasOwn(backends, fallback)) {
      yield { param, message: `there is no backend "${fallback}"` };
      continue;
    }
    const visited = new Set([start]);
    let at: string | undefined = fallback;
    while (at !== undefined && !visited.has(at)) {
      visited.add(at);
      at = backends[at]?.fallback;
    }
    if (at !== undefined) yield { param, message: `it leads back to "${at}"` };
  }
}
