/**
 * Asks the tenant's object whether an API key is still valid, for requests that the object does not
 * admit anyway: what this Worker read from KV may be a minute old. Authentication by KV is in
 * `auth.ts`.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../http/errors.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { TenantApi } from '../protocol/tenant.ts';
import type { AppEnv } from './app-env.ts';

/** Middleware that refuses a revoked key. */
export const refuseRevokedKey = createMiddleware<AppEnv>(async (c, next) => {
  return (await revokedKeyResponse(c)) ?? next();
});

/** The refusal of a revoked key; undefined where the key is valid. */
export async function revokedKeyResponse(c: Context<AppEnv>): Promise<Response | undefined> {
  const { tenant, version } = c.get('tenant');
  const [keyId, keyHash] = [c.get('keyId'), c.get('keyHash')];
  const ask = (stub: TenantApi) => stub.isRevoked(keyId, version, keyHash);
  if (!(await askTenant(c.env, tenant, ask))) return undefined;
  return errorResponse({ code: 'invalid_api_key' }, { 'x-request-id': c.get('requestId') });
}
