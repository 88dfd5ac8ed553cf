/**
 * The administrator's API: tenants, their API keys, and what was learned of their applications.
 * Export and import are in `archive.ts`, metrics in `metrics.ts`.
 */
import type { Context } from 'hono';
import {
  adminAuth,
  ask,
  change,
  documentOf,
  noTenant,
  refuseConfig,
  steer,
} from '../auth/admin-tenant.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { conflictResponse, readVersion, versionTag } from '../auth/config-change.ts';
import { acceptConfig } from '../auth/incoming-config.ts';
import { makeKey, revokeKey } from '../auth/tenant-steering.ts';
import { forgetAnswers } from '../calls/idempotency.ts';
import { withdraw } from '../config/distribution.ts';
import { MAX_CONFIG_BYTES } from '../config/schema.ts';
import { readDocument } from '../config/store.ts';
import { errorResponse, invalidRequest } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';
import { readText } from '../http/read-body.ts';
import { usageView } from '../jobs/job-view.ts';
import { askJobs, forgetJobs } from '../jobs/jobs-client.ts';
import type { ViewName } from '../protocol/tenant.ts';

export const admin = new Hono<AppEnv>()
  .use('/tenants/:tenant', adminAuth)
  .use('/tenants/:tenant/*', adminAuth)
  .put('/tenants/:tenant', putTenant)
  .get('/tenants/:tenant', async (c) => {
    const document = await documentOf(c);
    if (!document) return noTenant();
    const etag = versionTag(document.version);
    return c.json({ tenant: c.req.param('tenant'), ...document }, 200, { etag });
  })
  .delete('/tenants/:tenant', async (c) => {
    const tenant = c.req.param('tenant');
    const last = (await documentOf(c)) ?? (await readDocument(c.env.TENANTS, tenant));
    if (!last) return noTenant();
    await withdraw(c.env, tenant, last);
    await forgetAnswers(c.env, tenant);
    await forgetJobs(c.env, tenant);
    // The object knows the tenant and is destroyed last: after a failure the DELETE can be
    // repeated.
    await ask(c, (stub) => stub.destroy(c.get('admin')));
    return c.body(null, 204);
  })
  .post('/tenants/:tenant/keys', (c) => makeKey(c, {}, c.get('admin')))
  .delete('/tenants/:tenant/keys/:id', (c) => revokeKey(c, c.req.param('id'), c.get('admin')))
  .get('/tenants/:tenant/pdgraph', (c) => show(c, 'pdgraph', 'application/json'))
  .get('/tenants/:tenant/status', (c) => show(c, 'status', 'application/json'))
  .get('/tenants/:tenant/jobs', async (c) => {
    if (!(await documentOf(c))) return noTenant();
    const usage = await askJobs(c.env, c.req.param('tenant'), (object) => object.usage());
    return c.json({ keys: usage.map(usageView) });
  })
  .get('/tenants/:tenant/prewarm', (c) => show(c, 'prewarm', 'application/json'))
  .get('/tenants/:tenant/runs', async (c) => {
    const runs = await ask(c, (stub) => stub.runs(c.req.query('app')));
    return runs ? c.body(runs, 200, { 'content-type': 'application/jsonl' }) : noTenant();
  });

async function putTenant(c: Context<AppEnv, '/tenants/:tenant'>): Promise<Response> {
  const tenant = c.req.param('tenant');
  const read = readVersion(c.req.header('if-match'));
  if (!read.ok) return errorResponse(read.error);
  const body = await readText(c.req.raw, { maxBytes: MAX_CONFIG_BYTES });
  if (!body.ok) return errorResponse(body.error);
  let json: unknown;
  try {
    json = JSON.parse(body.text);
  } catch {
    return invalidRequest({ message: 'The body is not valid JSON.' });
  }
  const accepted = await acceptConfig(json, tenant, c.env);
  if (!accepted.ok) return refuseConfig(accepted.problems);
  if (read.version !== undefined) return putNewer(c, accepted.text, read.version);
  const changed = await change(c, (stub) => stub.putConfig(accepted.text, c.get('admin')));
  if (!changed) return noTenant();
  return c.json({ tenant, ...changed.after }, changed.before ? 200 : 201);
}

/** Puts a configuration in the place of the version that the caller has read, and of no other. */
async function putNewer(
  c: Context<AppEnv, '/tenants/:tenant'>,
  config: string,
  ifVersion: number,
): Promise<Response> {
  const tenant = c.req.param('tenant');
  const answer = await steer(c, { type: 'config', config, ifVersion }, c.get('admin'));
  if (answer.status === 'changed') return c.json({ tenant, ...answer.document });
  if (answer.status === 'conflict') {
    return conflictResponse(c, answer.document, (document) => ({ tenant, ...document }));
  }
  return noTenant();
}

async function show(
  c: Context<AppEnv, string>,
  what: ViewName,
  contentType: string,
): Promise<Response> {
  const view = await ask(c, (stub) => stub.view(what, c.req.query('app')));
  return view === undefined ? noTenant() : c.body(view, 200, { 'content-type': contentType });
}
