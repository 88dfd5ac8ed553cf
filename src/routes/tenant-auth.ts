/** Middleware of the data plane: a valid key, and the configuration of the tenant that it belongs to. */
import { createMiddleware } from 'hono/factory';
import { speaksAnthropic } from '../anthropic-form.ts';
import { authenticate } from '../auth.ts';
import { loadTenant } from '../config/store.ts';
import { type ApiError, errorResponse } from '../errors.ts';
import type { AppEnv } from './app-env.ts';

export const tenantAuth = createMiddleware<AppEnv>(async (c, next) => {
  const refuse = (error: ApiError) => errorResponse(error, { 'x-request-id': c.get('requestId') });
  const auth = await authenticate(c.req.raw.headers, c.env.TENANTS, speaksAnthropic(c));
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
