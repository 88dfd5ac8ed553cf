/** The administrator's API: tenants, their keys, and what was learned of their applications. */
import { type Context, Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ViewName } from '../../durable-objects/tenant-view.ts';
import { authenticateAdmin, newKey, sha256Hex } from '../auth.ts';
import { parseTenantConfig } from '../config/parse.ts';
import { TENANT_NAME } from '../config/schema.ts';
import { distribute, parseDocument, readDocument, withdraw } from '../config/store.ts';
import { type ApiError, errorBody, errorResponse } from '../errors.ts';
import { forgetAnswers } from '../idempotency.ts';
import { forgetJobs } from '../jobs/jobs-client.ts';
import type { TenantDocument } from '../protocol.ts';
import { readText } from '../read-body.ts';
import type { AppEnv } from './app-env.ts';

const MAX_CONFIG_BYTES = 1_000_000;

const adminAuth = createMiddleware<AppEnv>(async (c, next) => {
  const auth = await authenticateAdmin(c.req.raw.headers, c.env.ADMIN_TOKEN);
  if (!auth.ok) return refuse(c, auth.error);
  const tenant = c.req.param('tenant');
  if (tenant !== undefined && !TENANT_NAME.safeParse(tenant).success) {
    const message = 'A tenant\'s name has 1 to 64 letters, digits, ".", "_" or "-".';
    return refuse(c, { code: 'invalid_request_error', param: 'tenant', message });
  }
  return next();
});

export const admin = new Hono<AppEnv>()
  .use('/tenants/:tenant', adminAuth)
  .use('/tenants/:tenant/*', adminAuth)
  .put('/tenants/:tenant', putTenant)
  .get('/tenants/:tenant', async (c) => {
    const document = await documentOf(c);
    return document ? c.json({ tenant: c.req.param('tenant'), ...document }) : noTenant(c);
  })
  .delete('/tenants/:tenant', async (c) => {
    const tenant = c.req.param('tenant');
    const last = (await documentOf(c)) ?? (await readDocument(c.env.TENANTS, tenant));
    if (!last) return noTenant(c);
    await withdraw(c.env.TENANTS, tenant, last);
    await objectOf(c).destroy();
    await forgetAnswers(c.env, tenant);
    await forgetJobs(c.env, tenant);
    return c.body(null, 204);
  })
  .post('/tenants/:tenant/keys', async (c) => {
    const { id, key } = newKey();
    const sha256 = await sha256Hex(key);
    const changed = await change(c, (stub) => stub.addKey({ id, sha256 }));
    return changed ? c.json({ id, key }, 201) : noTenant(c);
  })
  .delete('/tenants/:tenant/keys/:id', async (c) => {
    const id = c.req.param('id');
    const changed = await change(c, (stub) => stub.removeKey(id));
    if (!changed) return noTenant(c);
    const { before, after } = changed;
    return keyCount(before) === keyCount(after)
      ? refuse(c, { code: 'key_not_found' })
      : c.body(null, 204);
  })
  .get('/tenants/:tenant/pdgraph', (c) => show(c, 'pdgraph', 'application/json'))
  .get('/tenants/:tenant/status', (c) => show(c, 'status', 'application/json'))
  .get('/tenants/:tenant/prewarm', (c) => show(c, 'prewarm', 'application/json'))
  .get('/tenants/:tenant/runs', (c) => show(c, 'runs', 'application/jsonl'));

async function putTenant(c: Context<AppEnv, '/tenants/:tenant'>): Promise<Response> {
  const tenant = c.req.param('tenant');
  const body = await readText(c.req.raw, MAX_CONFIG_BYTES);
  if (!body.ok) return refuse(c, body.error);
  let json: unknown;
  try {
    json = JSON.parse(body.text);
  } catch {
    return refuse(c, { code: 'invalid_request_error', message: 'The body is not valid JSON.' });
  }
  const parsed = parseTenantConfig(json, { development: c.env.ENVIRONMENT === 'development' });
  if (!parsed.ok) {
    const [first] = parsed.problems;
    const message = parsed.problems.map((p) => `${p.param ?? 'the body'}: ${p.message}`).join('; ');
    const error: ApiError = {
      code: 'invalid_request_error',
      message,
      ...(first?.param === undefined ? {} : { param: first.param }),
    };
    const headers = { 'x-request-id': c.get('requestId') };
    const answer = { ...errorBody(error), problems: parsed.problems };
    return Response.json(answer, { status: 400, headers });
  }
  const changed = await change(c, (stub) => stub.putConfig(body.text));
  if (!changed) return noTenant(c);
  return c.json({ tenant, ...changed.after }, changed.before ? 200 : 201);
}

/** The object changes its configuration and obeys it at once; then it is distributed. */
async function change(
  c: Context<AppEnv, string>,
  act: (stub: ReturnType<typeof objectOf>) => Promise<string | undefined>,
): Promise<{ before: TenantDocument | undefined; after: TenantDocument } | undefined> {
  const before = await documentOf(c);
  const text = await act(objectOf(c));
  if (text === undefined) return undefined;
  const after = parseDocument(text);
  await distribute(c.env.TENANTS, c.req.param('tenant') ?? '', after, before);
  return { before, after };
}

async function show(
  c: Context<AppEnv, string>,
  what: ViewName,
  contentType: string,
): Promise<Response> {
  const view = await objectOf(c).view(what, c.req.query('app'));
  return view === undefined ? noTenant(c) : c.body(view, 200, { 'content-type': contentType });
}

async function documentOf(c: Context<AppEnv, string>): Promise<TenantDocument | undefined> {
  const text = await objectOf(c).document();
  return text === undefined ? undefined : parseDocument(text);
}

function keyCount(document: TenantDocument | undefined): number {
  const keys = document?.config.keys;
  return Array.isArray(keys) ? keys.length : 0;
}

function objectOf(c: Context<AppEnv, string>) {
  return c.env.TENANT.getByName(c.req.param('tenant') ?? '');
}

function noTenant(c: Context<AppEnv, string>): Response {
  return refuse(c, { code: 'tenant_not_found' });
}

function refuse(c: Context<AppEnv, string>, error: ApiError): Response {
  return errorResponse(error, { 'x-request-id': c.get('requestId') });
}
