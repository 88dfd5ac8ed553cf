/**
 * What the routes of the admin API share: authentication, access to the tenant in the path, and
 * changes of its configuration. The routes are in `routes/admin.ts` and `routes/archive.ts`.
 */
import { createMiddleware } from 'hono/factory';
import { distributeNewest } from '../config/distribution.ts';
import { TENANT_NAME } from '../config/schema.ts';
import { parseDocument } from '../config/store.ts';
import { type ApiError, errorBody, errorResponse, invalidRequest } from '../http/errors.ts';
import type { Problem } from '../http/problem.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { SteerAnswer, SteerOrder } from '../protocol/steering.ts';
import type { TenantApi, TenantDocument } from '../protocol/tenant.ts';
import type { AppEnv, TenantContext } from './app-env.ts';
import { authenticateAdmin } from './auth.ts';

/** Middleware that requires the administrator's token and a well-formed tenant name. */
export const adminAuth = createMiddleware<AppEnv>(async (c, next) => {
  const auth = await authenticateAdmin(c.req.raw.headers, c.env.ADMIN_TOKEN);
  if (!auth.ok) return errorResponse(auth.error);
  c.set('admin', auth.name);
  const tenant = c.req.param('tenant');
  if (tenant !== undefined && !TENANT_NAME.safeParse(tenant).success) {
    const message =
      'A tenant\'s name has 1 to 64 letters, digits, ".", "_" or "-", the first a letter or digit.';
    return invalidRequest({ param: 'tenant', message });
  }
  return next();
});

/** The response to a configuration that is not valid; it lists every problem. */
export function refuseConfig(problems: readonly Problem[]): Response {
  const [first] = problems;
  const message = problems.map((p) => `${p.param ?? 'the body'}: ${p.message}`).join('; ');
  const error: ApiError = {
    code: 'invalid_request_error',
    message,
    ...(first?.param === undefined ? {} : { param: first.param }),
  };
  return Response.json({ ...errorBody(error), problems }, { status: 400 });
}

/**
 * Has the tenant's object change its configuration, which it applies at once, and then distributes
 * the result. Undefined where `act` finds no tenant.
 */
export async function change(
  c: TenantContext,
  act: (stub: TenantApi) => Promise<string | undefined>,
): Promise<{ before: TenantDocument | undefined; after: TenantDocument } | undefined> {
  const before = await documentOf(c);
  const text = await ask(c, act);
  if (text === undefined) return undefined;
  const after = parseDocument(text);
  await distributeNewest(c.env, c.req.param('tenant') ?? '', after, before);
  return { before, after };
}

/** The object's answer to a change, with the document that it led to. */
export type Steered =
  | Exclude<SteerAnswer, { readonly status: 'changed' }>
  | { readonly status: 'changed'; readonly document: TenantDocument };

/**
 * Has the tenant's object carry out a change by the administrator; distributes the configuration where
 * that is changed.
 */
export async function steer(c: TenantContext, order: SteerOrder, by: string): Promise<Steered> {
  const before = order.type === 'endpoint' ? undefined : await documentOf(c);
  const answer = await ask(c, async (stub) => await stub.steer(order, by));
  if (answer.status !== 'changed') return answer;
  const after = parseDocument(answer.document);
  await distributeNewest(c.env, c.req.param('tenant') ?? '', after, before);
  return { status: 'changed', document: after };
}

/** The tenant's configuration and its version; undefined where there is no such tenant. */
export async function documentOf(c: TenantContext): Promise<TenantDocument | undefined> {
  const text = await ask(c, (stub) => stub.document());
  return text === undefined ? undefined : parseDocument(text);
}

/** Calls the object of the tenant that the path names. */
export function ask<T>(c: TenantContext, question: (stub: TenantApi) => Promise<T>): Promise<T> {
  return askTenant(c.env, c.req.param('tenant') ?? '', question);
}

export function noTenant(): Response {
  return errorResponse({ code: 'tenant_not_found' });
}
