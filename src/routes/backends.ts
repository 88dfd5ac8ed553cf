/**
 * Calls to a backend by its name, such as tools, searches or small models: any method, path and
 * body. Calls by `model` are in `openai.ts`.
 */
import { type Context, Hono } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import type { CallPlan } from '../calls/call-plan.ts';
import { dispatchCall } from '../calls/dispatch-call.ts';
import { runIdempotent } from '../calls/idempotency.ts';
import { errorResponse } from '../http/errors.ts';
import { readBody } from '../http/read-body.ts';
import { uploadOf } from '../http/upload.ts';
import { identify } from '../identity/identity.ts';

export const backends = new Hono<AppEnv>()
  .all('/:backend', (c) => toolCall(c))
  .all('/:backend/*', (c) => toolCall(c));

async function toolCall(c: Context<AppEnv>): Promise<Response> {
  const backend = c.req.param('backend') ?? '';
  const { config } = c.get('tenant');
  const headers = { 'x-request-id': c.get('requestId') };
  if (!Object.hasOwn(config.backends, backend)) {
    const message = `There is no backend "${backend}".`;
    return errorResponse({ code: 'backend_not_found', message }, headers);
  }
  const { method } = c.req.raw;
  const hints = { metadata: {}, shape: backend, unit: backend };
  const identified = await identify(c.req.raw.headers, hints, c.get('keyId'));
  if (!identified.ok) return errorResponse(identified.error, headers);
  const upload = uploadOf(c.req.raw, config.limits.bodyBytes);
  const held = upload ? undefined : await readBody(c.req.raw, config.limits.bodyBytes);
  if (held && !held.ok) return errorResponse(held.error, headers);
  const bytes = held?.bytes;
  const hasBody = method !== 'GET' && method !== 'HEAD' && bytes?.length !== 0;
  const url = new URL(c.req.url);
  const prefix = url.pathname.split('/').slice(0, 4).join('/');
  const plan: CallPlan = {
    backend,
    kind: 'service',
    inputTokens: 0,
    identity: identified.identity,
    content: bytes,
    upload,
    method,
    path: url.pathname.slice(prefix.length) + url.search,
    body: () => ({
      body: hasBody ? (upload?.body ?? bytes ?? null) : null,
      stripUsage: false,
    }),
    format: 'opaque',
  };
  if (bytes === undefined) return dispatchCall(c, plan);
  const call = { content: bytes, streams: false };
  return runIdempotent(c, call, () => dispatchCall(c, plan));
}
