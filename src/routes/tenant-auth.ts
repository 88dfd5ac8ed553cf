/** Middleware of the data plane: a valid key, and the configuration of the tenant that it belongs to. */
import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../auth/app-env.ts';
import { authenticate } from '../auth/auth.ts';
import { ownCaller } from '../auth/own-caller.ts';
import { loadTenant } from '../config/store.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { speaksAnthropic } from './anthropic-form.ts';

export const tenantAuth = createMiddleware<AppEnv>(async (c, next) => {
  const refuse = (error: ApiError) => errorResponse(error, { 'x-request-id': c.get('requestId') });
  const own = ownCaller(c.req.raw);
  const auth = own
    ? { ok: true as const, owner: own, sha256: undefined }
    : await authenticate(c.req.raw.headers, c.env.TENANTS, speaksAnthropic(c));
  if (!auth.ok) return refuse(auth.error);
  const found = await loadTenant(c.env, auth.owner.tenant);
  if (!found.ok) {
    return refuse({ code: found.problems ? 'tenant_misconfigured' : 'invalid_api_key' });
  }
  c.set('tenant', found.loaded);
  c.set('keyId', auth.owner.keyId);
  c.set('keyHash', auth.sha256);
  return next();
});

/** Jobs do not order jobs: what the dispatcher calls itself finds nothing here. */
export const clientsOnly = createMiddleware<AppEnv>(async (c, next) => {
  if (!ownCaller(c.req.raw)) return next();
  return errorResponse({ code: 'not_found' }, { 'x-request-id': c.get('requestId') });
});
