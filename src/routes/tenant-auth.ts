/**
 * Middleware of the data plane: authenticates the API key and loads the configuration of its
 * tenant. The check itself is in `auth/auth.ts`.
 */
import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../auth/app-env.ts';
import { authenticate } from '../auth/auth.ts';
import { ownCaller } from '../auth/own-caller.ts';
import { loadTenant } from '../config/store.ts';
import { errorResponse } from '../http/errors.ts';

/**
 * Sets `tenant`, `keyId` and `keyHash`; refuses a wrong key and a tenant without a valid
 * configuration.
 */
export const tenantAuth = createMiddleware<AppEnv>(async (c, next) => {
  const jobOwner = ownCaller(c.req.raw);
  const auth = jobOwner
    ? { ok: true as const, owner: jobOwner, sha256: jobOwner.keyHash }
    : await authenticate(c.get('headers'), c.env.TENANTS);
  if (!auth.ok) return errorResponse(auth.error);
  const lookup = await loadTenant(c.env, auth.owner.tenant);
  if (!lookup.ok) {
    return errorResponse({ code: lookup.problems ? 'tenant_misconfigured' : 'invalid_api_key' });
  }
  c.set('tenant', lookup.loaded);
  c.set('keyId', auth.owner.keyId);
  c.set('keyHash', auth.sha256);
  return next();
});

/** Hides a route from calls that the dispatcher makes itself, since jobs must not create jobs. */
export const clientsOnly = createMiddleware<AppEnv>(async (c, next) => {
  if (!ownCaller(c.req.raw)) return next();
  return errorResponse({ code: 'not_found' });
});
