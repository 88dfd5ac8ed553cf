/**
 * Handles a call that names a model: reads and checks the body, finds the backend and the call's
 * application, run and unit, and dispatches the call. The code is the same for every API; what
 * differs is in `apis/model-apis.ts`. Calls that name a backend are in `routes/backends.ts`.
 */
import type { Context } from 'hono';
import { getPath } from 'hono/utils/url';
import { withModelName } from '../apis/answer-model.ts';
import type { ModelApi } from '../apis/model-apis.ts';
import {
  type CallerFields,
  type ModelRequest,
  parseModelRequest,
  withFields,
} from '../apis/model-request.ts';
import { multipartModel } from '../apis/multipart-model.ts';
import { cutPrefix } from '../apis/prefix-text.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { type ServedModel, servedModel, upstreamAt } from '../config/model-names.ts';
import { prefixSeed } from '../config/prefix-seed.ts';
import type { TenantConfig } from '../config/schema.ts';
import { priorityOf } from '../endpoints/engine-priority.ts';
import { type ApiError, errorResponse, failure, type Outcome } from '../http/errors.ts';
import { given } from '../http/given.ts';
import type { Hand } from '../http/in-hand.ts';
import { spliced } from '../http/json-splice.ts';
import { modelInPath } from '../http/written-path.ts';
import { hasAgentPriority } from '../identity/agent-context.ts';
import { hintsOf } from '../identity/conversation.ts';
import { identify } from '../identity/identity.ts';
import type { CallPlan } from './call-plan.ts';
import { withBody } from './client-body.ts';
import { dispatchCall } from './dispatch-call.ts';
import { answerInTime } from './early-answer.ts';
import { runIdempotent } from './idempotency.ts';
import { sideCall } from './side-call.ts';

/** A model call whose body was read and checked. */
export interface ReadCall {
  readonly request: ModelRequest;
  readonly caller: CallerFields;
  readonly model: ServedModel;
  readonly hand: Hand;
}

/** Handles a call with a JSON body. */
export function modelCall(c: Context<AppEnv>, api: ModelApi): Promise<Response> {
  return withModelRequest(c, api, async ({ request, caller, model, hand }) => {
    const { config } = c.get('tenant');
    const { fields, turns, toolResults, texts } = caller;
    const hints = { ...hintsOf(api.name, fields, turns), toolResults, texts };
    const identified = await identify(c.get('headers'), hints, c.get('keyId'));
    if (!identified.ok) return refuse(c, identified.error);
    // An opaque answer reports no tokens, so the call is measured in time, as a tool's is.
    const isOpaque = api.format === 'opaque';
    const { maxOutputTokens } = request;
    const hasPriority = request.hasPriority || hasAgentPriority(c.get('headers'), fields);
    let isRenamed = false;
    const plan: CallPlan = {
      backend: model.backend,
      kind: isOpaque ? 'service' : 'llm',
      // What is learned and woken is the endpoints' own model: clients may choose among many aliases.
      model: model.upstream,
      modelAt: (backend) => upstreamAt(config, backend, request.model, model),
      inputTokens: isOpaque ? 0 : request.inputTokens,
      prefixText: (link, backend) => {
        const seed = prefixSeed(config)(request.model) ?? '';
        const upstream = upstreamAt(config, backend, request.model, model);
        const cut = cutPrefix(request, api, link, { model: upstream, seed });
        return cut && { ...cut, backend };
      },
      identity: identified.identity,
      content: request.bytes,
      hand,
      method: 'POST',
      path: api.path + searchOf(c.req.url),
      body: ({ includeUsage, priority: style }, rankMs, backend) => {
        const usage = !!api.asksForUsage && request.stream && !request.wantsUsage && includeUsage;
        const priority = style && !hasPriority ? priorityOf(rankMs, style) : undefined;
        const upstream = upstreamAt(config, backend, request.model, model);
        isRenamed = upstream !== request.model;
        const body = withFields(request, { usage, priority, model: upstream });
        return { body, stripUsage: usage };
      },
      format: api.format,
      choices: request.choices,
      generated: request.generated,
      sequences: request.sequences,
      streams: request.stream,
      ...(api.streams ? { generates: true } : {}),
      ...given({ prefix: request.prefix, continues: hints.continues, maxOutputTokens }),
    };
    const call = { content: request.bytes, streams: request.stream };
    // What is kept for an idempotency key is the answer alone, and not how it was begun.
    return answerInTime(c, plan, (early) =>
      runIdempotent(c, call, async () => {
        const answer = await dispatchCall(c, plan, early);
        return isRenamed && answer.ok ? withModelName(answer, request.model) : answer;
      }),
    );
  });
}

/**
 * Handles a call whose body is a multipart form, which is forwarded unchanged. `name` labels the
 * call's unit; `path` follows the endpoint's URL.
 */
export function formCall(c: Context<AppEnv>, name: string, path: string): Promise<Response> {
  const { config } = c.get('tenant');
  return withBody(c, config.limits.bodyBytes, async ({ bytes, hand }) => {
    const contentType = c.req.header('content-type') ?? '';
    const read = multipartModel(bytes, contentType, modelInPath(getPath(c.req.raw)));
    if (!read.ok) return refuse(c, read.error);
    const { form } = read;
    const resolved = modelOf(config, form.model);
    if (!resolved.ok) return refuse(c, resolved.error);
    const { served } = resolved;
    const hints = { metadata: {}, shape: name, unit: name };
    const identified = await identify(c.get('headers'), hints, c.get('keyId'));
    if (!identified.ok) return refuse(c, identified.error);
    const plan: CallPlan = {
      backend: served.backend,
      kind: 'service',
      inputTokens: 0,
      identity: identified.identity,
      content: bytes,
      hand,
      method: 'POST',
      path: path + searchOf(c.req.url),
      body: (_address, _rankMs, backend) => {
        const splice = form.splice(upstreamAt(config, backend, form.model, served));
        return { body: splice ? spliced(bytes, [splice]) : bytes, stripUsage: false };
      },
      format: 'opaque',
    };
    return runIdempotent(c, { content: form.parts, streams: false }, () => dispatchCall(c, plan));
  });
}

/** Handles a call that only counts tokens: it needs no slot, and its unit is none of the run's. */
export function countCall(c: Context<AppEnv>, api: ModelApi): Promise<Response> {
  return withModelRequest(c, api, ({ request, model }) => {
    const path = api.path + searchOf(c.req.url);
    const body = withFields(request, { usage: false, model: model.upstream });
    return sideCall(c, { backend: model.backend, path, body });
  });
}

/** Reads and checks the body of a call, finds the backend of its model, and answers with `use`. */
function withModelRequest(
  c: Context<AppEnv>,
  api: ModelApi,
  use: (call: ReadCall) => Promise<Response>,
): Promise<Response> {
  const { config } = c.get('tenant');
  const { bodyBytes, body: bounds } = config.limits;
  return withBody(c, bodyBytes, async ({ bytes, hand }) => {
    const pathModel = modelInPath(getPath(c.req.raw));
    const parsed = parseModelRequest(bytes, api, bounds, prefixSeed(config), pathModel);
    if (!parsed.ok) return refuse(c, parsed.error);
    const { request, caller } = parsed;
    const found = modelOf(config, request.model);
    if (!found.ok) return refuse(c, found.error);
    return use({ request, caller, model: found.served, hand });
  });
}

/** The error response, with the request's id. */
export function refuse(c: Context<AppEnv>, error: ApiError): Response {
  return errorResponse(error, { 'x-request-id': c.get('requestId') });
}

/** A URL is parsed only where it has a query. */
function searchOf(url: string): string {
  return url.includes('?') ? new URL(url).search : '';
}

/** The backend of a model; the error says that there is none. */
export function modelOf(config: TenantConfig, model: string): Outcome<{ served: ServedModel }> {
  const served = servedModel(config, model);
  if (served !== undefined) return { ok: true, served };
  const message = `The model "${model}" does not exist.`;
  return failure('model_not_found', { param: 'model', message });
}
