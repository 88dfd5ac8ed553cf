/**
 * `GET /v1/calls/:id`: the log entry of a call, with its application, run and unit, its wait, the
 * endpoint that served it, and how it ended.
 */
import type { AppEnv } from '../auth/app-env.ts';
import { refuseRevokedKey } from '../auth/live-key.ts';
import { errorResponse } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';
import { askTenant } from '../objects/ask-object.ts';

export const calls = new Hono<AppEnv>().get('/:id', refuseRevokedKey, async (c) => {
  // The object is that of the API key's tenant: nobody sees the calls of another tenant.
  const { tenant } = c.get('tenant');
  const entry = await askTenant(c.env, tenant, (stub) =>
    stub.story(c.req.param('id'), c.get('keyId')),
  );
  if (entry === undefined) return errorResponse({ code: 'call_not_found' });
  return c.body(entry, 200, { 'content-type': 'application/json' });
});
