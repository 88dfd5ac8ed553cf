/**
 * What the admin API and the console have in common where they act on a tenant: orders to endpoints and
 * API keys, with the answers to them. The routes are in routes/steering.ts and
 * routes/console/settings.ts.
 */
import type * as z from 'zod/mini';
import { claimKeys } from '../config/key-claims.ts';
import { keyLimitsSchema } from '../config/key-limits.ts';
import { MAX_KEYS } from '../config/schema.ts';
import { keysOf } from '../config/store.ts';
import { errorResponse, invalidRequest, type Outcome, wrongInput } from '../http/errors.ts';
import { readJsonText } from '../http/json-input.ts';
import { readText } from '../http/read-body.ts';
import { sha256Hex } from '../http/sha256.ts';
import { ENDPOINT_ORDERS, type EndpointOrder } from '../protocol/steering.ts';
import { change, documentOf, noTenant, steer } from './admin-tenant.ts';
import type { TenantContext } from './app-env.ts';
import { newKey } from './auth.ts';

type KeyLimits = z.infer<typeof keyLimitsSchema>;

const MAX_BODY_BYTES = 16_384;

/** Has an endpoint woken, let go, paused or resumed. */
export async function orderEndpoint(
  c: TenantContext,
  { backend, endpoint, order }: Readonly<Record<'backend' | 'endpoint' | 'order', string>>,
  by: string,
): Promise<Response> {
  if (!isOrder(order)) {
    const message = `Expected one of ${ENDPOINT_ORDERS.join(', ')}.`;
    return invalidRequest({ param: 'action', message });
  }
  const answer = await steer(c, { type: 'endpoint', backend, endpoint, order }, by);
  if (answer.status === 'refused') return errorResponse({ code: answer.code });
  const { done, message } = answer.status === 'ordered' ? answer : { done: true, message: '' };
  return c.json({ done, message });
}

/** Changes the limits of an API key. */
export async function limitKey(c: TenantContext, id: string, by: string): Promise<Response> {
  const limits = await readJson(c, keyLimitsSchema);
  if (!limits.ok) return errorResponse(limits.error);
  const answer = await steer(c, { type: 'key-limits', id, limits: limits.value }, by);
  return answer.status === 'refused' ? errorResponse({ code: answer.code }) : c.body(null, 204);
}

/** Makes an API key, which is shown this once; `limits`: absent ones are the tenant's. */
export async function makeKey(
  c: TenantContext,
  limits: KeyLimits,
  by: string | undefined,
): Promise<Response> {
  if (keysOf(await documentOf(c)).length >= MAX_KEYS) {
    const message = `A tenant has ${MAX_KEYS} keys at most.`;
    return invalidRequest({ param: 'keys', message });
  }
  const { id, key } = newKey();
  const sha256 = await sha256Hex(key);
  await claimKeys(c.env, c.req.param('tenant') ?? '', [sha256]);
  const own = Object.entries(limits).filter(([, limit]) => limit != null);
  const limited = own.length > 0 ? { limits: Object.fromEntries(own) } : {};
  const changed = await change(c, (stub) => stub.addKey({ id, sha256, ...limited }, by));
  return changed ? c.json({ id, key }, 201) : noTenant();
}

/** Revokes an API key. */
export async function revokeKey(
  c: TenantContext,
  id: string,
  by: string | undefined,
): Promise<Response> {
  const changed = await change(c, (stub) => stub.removeKey(id, by));
  if (!changed) return noTenant();
  const wasThere = keysOf(changed.before).length > keysOf(changed.after).length;
  return wasThere ? c.body(null, 204) : errorResponse({ code: 'key_not_found' });
}

/** A small JSON body of a form. */
export async function readJson<T>(
  c: TenantContext,
  schema: z.ZodMiniType<T>,
  maxBytes = MAX_BODY_BYTES,
): Promise<Outcome<{ value: T }>> {
  const body = await readText(c.req.raw, { maxBytes });
  if (!body.ok) return body;
  return readJsonText(body.text, schema);
}

/** The cursor of a page of the audit log. */
export function auditCursor(text: string | undefined): Outcome<{ cursor: { after?: number } }> {
  if (text === undefined) return { ok: true, cursor: {} };
  if (/^\d{1,15}$/.test(text)) return { ok: true, cursor: { after: Number(text) } };
  const message = 'Expected the "after" of the page before.';
  return wrongInput({ param: 'after', message });
}

function isOrder(text: string): text is EndpointOrder {
  return (ENDPOINT_ORDERS as readonly string[]).includes(text);
}
