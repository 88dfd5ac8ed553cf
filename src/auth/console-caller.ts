/**
 * Who uses the console's API: the administrator, who sees all tenants, or the holder of a tenant's
 * API key, who sees that tenant. A key of another tenant gets the same answer as for a tenant that
 * does not exist, so that nobody learns which exist.
 */
import { createMiddleware } from 'hono/factory';
import { TENANT_NAME } from '../config/schema.ts';
import { loadKeyOwner, loadTenant } from '../config/store.ts';
import { errorResponse, failure, type Outcome } from '../http/errors.ts';
import { sha256Hex } from '../http/sha256.ts';
import type { ConsoleKey } from '../protocol/looking.ts';

import type { AppEnv } from './app-env.ts';
import { administrator } from './auth.ts';
import { bearer } from './key-headers.ts';

/** `name`: how the audit log names the caller. */
export type ConsoleCaller =
  | { readonly role: 'admin'; readonly name: string }
  | {
      readonly role: 'tenant';
      readonly name: string;
      readonly tenant: string;
      readonly key: ConsoleKey;
    };

export interface ConsoleEnv extends AppEnv {
  Variables: AppEnv['Variables'] & { caller: ConsoleCaller };
}

/** Finds out whose token it is. Whether an API key was revoked is asked of the tenant's object. */
export async function consoleCaller(
  token: string | undefined,
  env: Env,
): Promise<Outcome<{ caller: ConsoleCaller }>> {
  const admin = await administrator(token, env.ADMIN_TOKEN);
  if (admin.ok) return { ok: true, caller: { role: 'admin', name: admin.name } };
  if (token === undefined) {
    return failure('invalid_api_key', { message: 'Send "Authorization: Bearer TOKEN".' });
  }
  const message = "The token is neither an administrator's nor an API key of a tenant.";
  const keyHash = await sha256Hex(token);
  const owner = await loadKeyOwner(env.TENANTS, keyHash);
  const lookup = owner && (await loadTenant(env, owner.tenant));
  if (!owner || !lookup?.ok) return failure('invalid_api_key', { message });
  const { tenant, keyId } = owner;
  const key = { keyId, keyHash, version: lookup.loaded.version };
  return { ok: true, caller: { role: 'tenant', name: keyId, tenant, key } };
}

/** Middleware of the console's API: sets `caller`, and hides tenants that it may not see. */
export const consoleAuth = createMiddleware<ConsoleEnv>(async (c, next) => {
  const found = await consoleCaller(bearer(c.req.raw.headers), c.env);
  if (!found.ok) return errorResponse(found.error);
  const { caller } = found;
  const tenant = c.req.param('tenant');
  if (tenant !== undefined && !maySee(caller, tenant)) {
    return errorResponse({ code: 'tenant_not_found' });
  }
  c.set('caller', caller);
  return next();
});

/** Middleware of what changes something. */
export const adminOnly = createMiddleware<ConsoleEnv>(async (c, next) => {
  if (c.get('caller').role === 'admin') return next();
  const message = "This changes something: sign in with the administrator's token.";
  return errorResponse({ code: 'permission_denied', message });
});

/** False also for what is no name of a tenant. */
export function maySee(caller: ConsoleCaller, tenant: string): boolean {
  if (caller.role === 'tenant') return caller.tenant === tenant;
  return TENANT_NAME.safeParse(tenant).success;
}
