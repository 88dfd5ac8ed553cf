/**
 * Handles a call that names a model: reads and checks the body, finds the backend and the call's
 * application, run and unit, and dispatches the call. The code is the same for every API; what
 * differs is in `apis/model-apis.ts`. Calls that name a backend are in `routes/backends.ts`.
 */
import type { Context } from 'hono';
import type { ModelApi, ModelFields } from '../apis/model-apis.ts';
import { type ModelRequest, parseModelRequest, withUsage } from '../apis/model-request.ts';
import { multipartModel } from '../apis/multipart-model.ts';
import type { AppEnv } from '../auth/app-env.ts';
import type { TenantConfig } from '../config/schema.ts';
import { priorityOf, withPriority } from '../endpoints/engine-priority.ts';
import { type ApiError, errorResponse, failure, type Outcome } from '../http/errors.ts';
import { readBody, readText } from '../http/read-body.ts';
import { hintsOf } from '../identity/conversation.ts';
import { identify } from '../identity/identity.ts';
import type { CallPlan } from './call-plan.ts';
import { dispatchCall } from './dispatch-call.ts';
import { runIdempotent } from './idempotency.ts';

/** Handles a call with a JSON body. */
export async function modelCall(c: Context<AppEnv>, api: ModelApi): Promise<Response> {
  const read = await readModelRequest(c, api);
  if (!read.ok) return refuse(c, read.error);
  const { request, backend } = read;
  const hints = hintsOf(api.name, read.fields);
  const identified = await identify(c.req.raw.headers, hints, c.get('keyId'));
  if (!identified.ok) return refuse(c, identified.error);
  // An opaque answer reports no tokens, so the call is measured in time, as a tool's is.
  const isOpaque = api.format === 'opaque';
  const plan: CallPlan = {
    backend,
    kind: isOpaque ? 'service' : 'llm',
    inputTokens: isOpaque ? 0 : request.inputTokens,
    ...(request.maxOutputTokens === undefined ? {} : { maxOutputTokens: request.maxOutputTokens }),
    identity: identified.identity,
    content: request.text,
    method: 'POST',
    path: api.path + new URL(c.req.url).search,
    body: ({ includeUsage, priority }, rankMs) => {
      const addsUsage = api.asksForUsage && request.stream && !request.wantsUsage && includeUsage;
      const textWithUsage = addsUsage ? withUsage(request) : undefined;
      const text = textWithUsage ?? request.text;
      const finalText =
        priority && !request.hasPriority ? withPriority(text, priorityOf(rankMs, priority)) : text;
      return { body: finalText, stripUsage: textWithUsage !== undefined };
    },
    format: api.format,
    choices: request.choices,
    streams: request.stream,
  };
  const call = { content: request.text, streams: request.stream };
  return runIdempotent(c, call, () => dispatchCall(c, plan));
}

/**
 * Handles a call whose body is a multipart form, which is forwarded unchanged. `name` labels the
 * call's unit; `path` follows the endpoint's URL.
 */
export async function formCall(c: Context<AppEnv>, name: string, path: string): Promise<Response> {
  const { config } = c.get('tenant');
  const read = await readBody(c.req.raw, config.limits.bodyBytes);
  if (!read.ok) return refuse(c, read.error);
  const { bytes } = read;
  const form = multipartModel(bytes, c.req.header('content-type') ?? '');
  const resolved = form.ok ? backendOf(config, form.model) : form;
  if (!resolved.ok) return refuse(c, resolved.error);
  const hints = { metadata: {}, shape: name, unit: name };
  const identified = await identify(c.req.raw.headers, hints, c.get('keyId'));
  if (!identified.ok) return refuse(c, identified.error);
  const plan: CallPlan = {
    backend: resolved.backend,
    kind: 'service',
    inputTokens: 0,
    identity: identified.identity,
    content: bytes,
    method: 'POST',
    path: path + new URL(c.req.url).search,
    body: () => ({ body: bytes, stripUsage: false }),
    format: 'opaque',
  };
  return runIdempotent(c, { content: bytes, streams: false }, () => dispatchCall(c, plan));
}

/** Reads and checks the body of a call, and finds the backend that serves its model. */
export async function readModelRequest(
  c: Context<AppEnv>,
  api: ModelApi,
): Promise<Outcome<{ request: ModelRequest; fields: ModelFields; backend: string }>> {
  const { config } = c.get('tenant');
  const body = await readText(c.req.raw, config.limits.bodyBytes);
  if (!body.ok) return body;
  const parsed = parseModelRequest(body.text, api);
  if (!parsed.ok) return parsed;
  const { request, fields } = parsed;
  const found = backendOf(config, request.model);
  return found.ok ? { ok: true, request, fields, backend: found.backend } : found;
}

/** The error response, with the request's id. */
export function refuse(c: Context<AppEnv>, error: ApiError): Response {
  return errorResponse(error, { 'x-request-id': c.get('requestId') });
}

function backendOf(config: TenantConfig, model: string): Outcome<{ backend: string }> {
  const backend = Object.entries(config.backends).find(([, b]) => b.models.includes(model))?.[0];
  if (backend !== undefined) return { ok: true, backend };
  const message = `The model "${model}" does not exist.`;
  return failure('model_not_found', { param: 'model', message });
}
