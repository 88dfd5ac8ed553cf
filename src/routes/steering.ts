/**
 * The part of the administrator's API that acts on a tenant: orders to endpoints, limits of API keys,
 * and the audit log. Tenants and keys are in admin.ts.
 */

import { ask } from '../auth/admin-tenant.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { auditCursor, limitKey, orderEndpoint } from '../auth/tenant-steering.ts';
import { errorResponse } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';

/** Mount it after the middleware of the admin routes, which authenticates the administrator. */
export const steering = new Hono<AppEnv>()
  .post('/tenants/:tenant/endpoints/:backend/:endpoint/:order', (c) =>
    orderEndpoint(c, c.req.param(), c.get('admin')),
  )
  .patch('/tenants/:tenant/keys/:id', (c) => limitKey(c, c.req.param('id'), c.get('admin')))
  .get('/tenants/:tenant/audit', async (c) => {
    const after = auditCursor(c.req.query('after'));
    if (!after.ok) return errorResponse(after.error);
    const question = { type: 'audit', ...after.cursor } as const;
    const reply = await ask(c, async (stub) => await stub.steeringView(question));
    if (!reply.ok) return errorResponse({ code: reply.code });
    return c.body(reply.json, 200, { 'content-type': 'application/json' });
  });
