/** What the routes of the admin API share: who may, which tenant, and how it is changed. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { distributeNewest } from '../config/distribution.ts';
import { TENANT_NAME } from '../config/schema.ts';
import { parseDocument } from '../config/store.ts';
import { type ApiError, errorBody, errorResponse } from '../http/errors.ts';
import type { Problem } from '../http/problem.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { TenantApi, TenantDocument } from '../protocol/tenant.ts';
import type { AppEnv } from './app-env.ts';
import { authenticateAdmin } from './auth.ts';

export const adminAuth = createMiddleware<AppEnv>(async (c, next) => {
  const auth = await authenticateAdmin(c.req.raw.headers, c.env.ADMIN_TOKEN);
  if (!auth.ok) return refuse(c, auth.error);
  const tenant = c.req.param('tenant');
  if (tenant !== undefined && !TENANT_NAME.safeParse(tenant).success) {
    const message = 'A tenant\'s name has 1 to 64 letters, digits, ".", "_" or "-".';
    return refuse(c, { code: 'invalid_request_error', param: 'tenant', message });
  }
  return next();
});

export function refuseConfig(c: Context<AppEnv, string>, problems: readonly Problem[]): Response {
  const [first] = problems;
  const message = problems.map((p) => `${p.param ?? 'the body'}: ${p.message}`).join('; ');
  const error: ApiError = {
    code: 'invalid_request_error',
    message,
    ...(first?.param === undefined ? {} : { param: first.param }),
  };
  const headers = { 'x-request-id': c.get('requestId') };
  return Response.json({ ...errorBody(error), problems }, { status: 400, headers });
}

/** The object changes its configuration and obeys it at once; then it is distributed. */
export async function change(
  c: Context<AppEnv, string>,
  act: (stub: TenantApi) => Promise<string | undefined>,
): Promise<{ before: TenantDocument | undefined; after: TenantDocument } | undefined> {
  const before = await documentOf(c);
  const text = await ask(c, act);
  if (text === undefined) return undefined;
  const after = parseDocument(text);
  await distributeNewest(c.env, c.req.param('tenant') ?? '', after, before);
  return { before, after };
}

export async function documentOf(c: Context<AppEnv, string>): Promise<TenantDocument | undefined> {
  const text = await ask(c, (stub) => stub.document());
  return text === undefined ? undefined : parseDocument(text);
}

/** Asks the object of the tenant that the path names. */
export function ask<T>(
  c: Context<AppEnv, string>,
  question: (stub: TenantApi) => Promise<T>,
): Promise<T> {
  return askTenant(c.env, c.req.param('tenant') ?? '', question);
}

export function noTenant(c: Context<AppEnv, string>): Response {
  return refuse(c, { code: 'tenant_not_found' });
}

export function refuse(c: Context<AppEnv, string>, error: ApiError): Response {
  return errorResponse(error, { 'x-request-id': c.get('requestId') });
}
