/** The story of a call: what it was taken for, where it waited, who served it, how it ended. */
import { Hono } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { refuseRevokedKey } from '../auth/live-key.ts';
import { errorResponse } from '../http/errors.ts';
import { askTenant } from '../objects/ask-object.ts';

export const calls = new Hono<AppEnv>().get('/:id', refuseRevokedKey, async (c) => {
  // The object is that of the key's own tenant: nobody sees another's calls.
  const { tenant } = c.get('tenant');
  const story = await askTenant(c.env, tenant, (stub) => stub.story(c.req.param('id')));
  const headers = { 'x-request-id': c.get('requestId') };
  if (story === undefined) return errorResponse({ code: 'call_not_found' }, headers);
  return c.body(story, 200, { 'content-type': 'application/json', ...headers });
});
