/**
 * What the admin API and the console have in common where they act on a tenant: orders to endpoints and
 * limits of API keys, with the answers to them. The routes are in routes/steering.ts and
 * routes/console/settings.ts.
 */
import type * as z from 'zod';
import { keyLimitsSchema } from '../config/key-limits.ts';
import { failure, type Outcome } from '../http/errors.ts';
import { firstProblem } from '../http/problem.ts';
import { readText } from '../http/read-body.ts';
import { ENDPOINT_ORDERS, type EndpointOrder } from '../protocol/steering.ts';
import { refuse, steer } from './admin-tenant.ts';
import type { TenantContext } from './app-env.ts';

const MAX_BODY_BYTES = 16_384;

/** Has an endpoint woken, let go, paused or resumed. */
export async function orderEndpoint(
  c: TenantContext,
  { backend, endpoint, order }: Readonly<Record<'backend' | 'endpoint' | 'order', string>>,
  by: string,
): Promise<Response> {
  if (!isOrder(order)) {
    const message = `Expected one of ${ENDPOINT_ORDERS.join(', ')}.`;
    return refuse(c, { code: 'invalid_request_error', param: 'action', message });
  }
  const answer = await steer(c, { type: 'endpoint', backend, endpoint, order }, by);
  if (answer.status === 'refused') return refuse(c, { code: answer.code });
  const { done, message } = answer.status === 'ordered' ? answer : { done: true, message: '' };
  return c.json({ done, message });
}

/** Changes the limits of an API key. */
export async function limitKey(c: TenantContext, id: string, by: string): Promise<Response> {
  const limits = await readJson(c, keyLimitsSchema);
  if (!limits.ok) return refuse(c, limits.error);
  const answer = await steer(c, { type: 'key-limits', id, limits: limits.value }, by);
  return answer.status === 'refused' ? refuse(c, { code: answer.code }) : c.body(null, 204);
}

/** A small JSON body of a form. */
export async function readJson<T>(
  c: TenantContext,
  schema: z.ZodType<T>,
  maxBytes = MAX_BODY_BYTES,
): Promise<Outcome<{ value: T }>> {
  const body = await readText(c.req.raw, { maxBytes });
  if (!body.ok) return body;
  let json: unknown;
  try {
    json = JSON.parse(body.text);
  } catch {
    return failure('invalid_request_error', { message: 'The body is not valid JSON.' });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  return failure('invalid_request_error', firstProblem(parsed.error));
}

/** The cursor of a page of the audit log. */
export function auditCursor(text: string | undefined): Outcome<{ cursor: { after?: number } }> {
  if (text === undefined) return { ok: true, cursor: {} };
  if (/^\d{1,15}$/.test(text)) return { ok: true, cursor: { after: Number(text) } };
  const message = 'Expected the "after" of the page before.';
  return failure('invalid_request_error', { param: 'after', message });
}

function isOrder(text: string): text is EndpointOrder {
  return (ENDPOINT_ORDERS as readonly string[]).includes(text);
}
