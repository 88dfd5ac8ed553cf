/**
 * Calls to a backend by its name, such as tools, searches or small models: any path and body, and
 * any method but those that `methods.ts` refuses. Calls by `model` are in `openai.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import type { CallPlan } from '../calls/call-plan.ts';
import { type ClientBody, takeUpload, uploadPaceOf, withBody } from '../calls/client-body.ts';
import { dispatchCall } from '../calls/dispatch-call.ts';
import { runIdempotent } from '../calls/idempotency.ts';
import { errorResponse, invalidRequest } from '../http/errors.ts';
import { Hono } from '../http/hono.ts';
import { innerPathProblem } from '../http/inner-path.ts';
import { type Upload, uploadOf } from '../http/upload.ts';
import { behindBackend } from '../http/written-path.ts';
import { identify } from '../identity/identity.ts';

export const backends = new Hono<AppEnv>()
  .all('/:backend', (c) => toolCall(c))
  .all('/:backend/*', (c) => toolCall(c));

async function toolCall(c: Context<AppEnv>): Promise<Response> {
  const backend = c.req.param('backend') ?? '';
  const { config } = c.get('tenant');
  if (!Object.hasOwn(config.backends, backend)) {
    const message = `There is no backend "${backend}".`;
    return errorResponse({ code: 'backend_not_found', message });
  }
  const url = new URL(c.req.url);
  const path = behindBackend(url.pathname);
  // As it was written, too: a URL has no segments of dots any more.
  const written = behindBackend(/^\w+:\/\/[^/?#]*([^?#]*)/.exec(c.req.url)?.[1] ?? '');
  const problem = innerPathProblem(written) ?? innerPathProblem(path);
  if (problem !== undefined) {
    const message = `The path "${written.slice(0, 200)}" after the backend's name: ${problem}.`;
    return invalidRequest({ param: 'path', message });
  }
  const hints = { metadata: {}, shape: backend, unit: backend };
  const identified = await identify(c.get('headers'), hints, c.get('keyId'));
  if (!identified.ok) return errorResponse(identified.error);
  const plan = {
    backend,
    kind: 'service',
    inputTokens: 0,
    identity: identified.identity,
    method: c.req.raw.method,
    path: path + url.search,
    format: 'opaque',
    keepsEncoding: true,
  } as const;
  const { bodyBytes: maxBytes } = config.limits;
  const upload = uploadOf(c.req.raw, { maxBytes, pace: uploadPaceOf(config) });
  return upload ? relayedCall(c, plan, upload) : heldCall(c, plan, maxBytes);
}

type ToolPlan = Omit<CallPlan, 'hand' | 'content' | 'body'>;

/** The body is read first, and can be sent again. */
function heldCall(c: Context<AppEnv>, plan: ToolPlan, maxBytes: number): Promise<Response> {
  const use = async ({ bytes, hand }: ClientBody) => {
    const hasBody = bytes.length > 0;
    if (hasBody && (plan.method === 'GET' || plan.method === 'HEAD')) return noBody(plan.method);
    const body = () => ({ body: hasBody ? bytes : null, stripUsage: false });
    const whole: CallPlan = { ...plan, content: bytes, hand, body };
    const call = { content: bytes, streams: false };
    return runIdempotent(c, call, () => dispatchCall(c, whole));
  };
  return withBody(c, maxBytes, use, { keepsEncoding: true });
}

/** The platform sends no such request: without its body it would ask for something else. */
function noBody(method: string): Response {
  const message = `The body of a ${method} cannot be passed on: send it with POST.`;
  return errorResponse({ code: 'invalid_request_error', param: 'body', message });
}

/** The body is relayed as it arrives, once its beginning is there. */
async function relayedCall(c: Context<AppEnv>, plan: ToolPlan, upload: Upload): Promise<Response> {
  const taken = takeUpload(c);
  if (!taken.ok) {
    await upload.discard();
    return errorResponse(taken.error);
  }
  const { hand } = taken;
  try {
    const failed = await upload.begun();
    if (failed) return errorResponse(failed);
    const body = () => ({ body: upload.relay(), stripUsage: false });
    return await dispatchCall(c, { ...plan, content: undefined, upload, hand, body });
  } finally {
    hand.release();
  }
}
