/**
 * Asks the tenant's object whether an API key is still valid, for requests that the object does not
 * admit anyway: what this Worker read from KV may be a minute old. Orders are charged to the key in
 * the same request. Authentication by KV is in `auth.ts`.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { TenantApi } from '../protocol/tenant.ts';
import type { AppEnv } from './app-env.ts';
import { ownCaller } from './own-caller.ts';

/** Middleware that refuses a revoked key. */
export const refuseRevokedKey = createMiddleware<AppEnv>(async (c, next) => {
  return (await revokedKeyResponse(c)) ?? next();
});

/**
 * Middleware of requests that are no calls but count as one, such as an order of a job: charges the
 * API key before the body is read, and refuses a revoked key.
 */
export const chargeRequest = createMiddleware<AppEnv>(async (c, next) => {
  return (await chargedKeyResponse(c, 1)) ?? next();
});

/** The refusal of a revoked key; undefined where the key is valid. */
export async function revokedKeyResponse(c: Context<AppEnv>): Promise<Response | undefined> {
  const { tenant, version } = c.get('tenant');
  const [keyId, keyHash] = [c.get('keyId'), c.get('keyHash')];
  const ask = (stub: TenantApi) => stub.isRevoked(keyId, version, keyHash);
  if (!(await askTenant(c.env, tenant, ask))) return undefined;
  return errorResponse(revokedKeyError(c));
}

/**
 * Charges requests to the API key. The refusal where it has no rate left or was revoked; undefined
 * where they are charged.
 */
export async function chargedKeyResponse(
  c: Context<AppEnv>,
  count: number,
): Promise<Response | undefined> {
  const { tenant, version } = c.get('tenant');
  const [keyId, keyHash] = [c.get('keyId'), c.get('keyHash')];
  const ask = (stub: TenantApi) => stub.chargeRequests(keyId, count, version, keyHash);
  const charged = await askTenant(c.env, tenant, ask);
  if (charged.ok) return undefined;
  if (charged.code === 'key_revoked') return errorResponse(revokedKeyError(c));
  const { code, limit, retryAfterMs } = charged;
  const message = `This key may make ${limit} requests a minute.`;
  return errorResponse({ code, message, retryAfterMs });
}

/** The error for a revoked key; says so where its holder cannot know of which key it speaks. */
export function revokedKeyError(c: Context<AppEnv>): ApiError {
  if (!ownCaller(c.req.raw)) return { code: 'invalid_api_key' };
  const message = 'The API key that ordered this was revoked or replaced.';
  return { code: 'invalid_api_key', message };
}
