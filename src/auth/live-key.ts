/**
 * For requests that are not admitted by the tenant's object: it is asked whether it still knows the
 * key, since what this Worker read in KV may be a minute old.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { errorResponse } from '../http/errors.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { TenantApi } from '../protocol/tenant.ts';
import type { AppEnv } from './app-env.ts';

export const refuseRevokedKey = createMiddleware<AppEnv>(async (c, next) => {
  return (await revokedKeyResponse(c)) ?? next();
});

/** The refusal of a key that was revoked; undefined where it was not. */
export async function revokedKeyResponse(c: Context<AppEnv>): Promise<Response | undefined> {
  const { tenant, version } = c.get('tenant');
  const [keyId, keyHash] = [c.get('keyId'), c.get('keyHash')];
  const ask = (stub: TenantApi) => stub.isRevoked(keyId, version, keyHash);
  if (!(await askTenant(c.env, tenant, ask))) return undefined;
  return errorResponse({ code: 'invalid_api_key' }, { 'x-request-id': c.get('requestId') });
}
