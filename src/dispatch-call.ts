/**
 * The life of a call at the edge: ask for a slot, wait, forward, relay, report. Shared by model
 * calls and by tools; what differs between them is in the plan.
 */
import type { Context } from 'hono';
import { Admission } from './admission.ts';
import { forgetTenant, type LoadedTenant } from './config/store.ts';
import { type EndpointAddress, targetOf } from './endpoints/target.ts';
import { type ApiError, errorResponse } from './errors.ts';
import { upstreamHeaders } from './headers.ts';
import type { Identity } from './identity.ts';
import type { CallRequest, Grant, RefusedCode } from './protocol.ts';
import { Exchange } from './proxy.ts';
import type { AppEnv } from './routes/app-env.ts';

/** What is to be sent, and how the answer is to be read. */
export interface CallPlan {
  readonly backend: string;
  readonly kind: CallRequest['kind'];
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  readonly identity: Identity;
  readonly method: string;
  /** Path and query behind the endpoint's URL. */
  readonly path: string;
  /** The body for this endpoint, and whether usage was asked for without the client's wish. */
  readonly body: (address: EndpointAddress) => { body: BodyInit | null; stripUsage: boolean };
  readonly reading: 'model' | 'opaque';
}

export async function dispatchCall(c: Context<AppEnv>, plan: CallPlan): Promise<Response> {
  const loaded = c.get('tenant');
  // Never the client's own request id: two calls that shared it would share one slot.
  const callId = crypto.randomUUID();
  const arrivedAt = Date.now();
  const admission = new Admission(() => c.env.TENANT.getByName(loaded.tenant), {
    call: callOf(plan, callId, arrivedAt),
    keyId: c.get('keyId'),
    version: loaded.version,
  });
  const client = c.req.raw.signal;
  // A Worker whose client has left stops without a word. Registered before the first await, this
  // promise keeps it alive until the slot is given back.
  const over = Promise.withResolvers<void>();
  c.executionCtx.waitUntil(over.promise);
  let exchange: Exchange | undefined;
  const leave = () => {
    const left = exchange ? exchange.leave() : admission.abandon();
    left.then(over.resolve, over.resolve);
  };
  if (client.aborted) leave();
  else client.addEventListener('abort', leave);

  const admitted = await admission.admit();
  if (admitted.status !== 'granted') {
    over.resolve();
    if (admitted.status === 'refused') return refuse(c, admitted, loaded, plan);
    return answerError(c, {
      code: 'dispatcher_unavailable',
      retryAfterMs: admitted.retryAfterMs,
    });
  }
  const { slot } = admitted;
  const { address } = slot.grant;
  const found = targetOf(address, { ...c.env });
  if (!found.ok) {
    await admission.abandon();
    over.resolve();
    console.error(JSON.stringify({ event: 'secret_missing', secret: found.missingSecret }));
    const message = 'A secret that the endpoint needs is not set.';
    return answerError(c, { code: 'tenant_misconfigured', message });
  }
  const { url, authorization } = found.target;
  const { body, stripUsage } = plan.body(address);
  exchange = new Exchange({
    slot: { ...slot, report: (r) => slot.report(r).finally(over.resolve) },
    request: (signal) =>
      new Request(`${url.replace(/\/+$/, '')}${plan.path}`, {
        method: plan.method,
        headers: upstreamHeaders(c.req.raw.headers, authorization),
        body,
        signal,
        redirect: 'manual',
      }),
    reading: plan.reading,
    stripUsage,
    timeouts: address.timeouts,
    added: addedHeaders(c.get('requestId'), plan, slot.grant),
  });
  return exchange.run();
}

function callOf(plan: CallPlan, callId: string, arrivedAt: number): CallRequest {
  const { identity } = plan;
  return {
    callId,
    runId: identity.runId,
    app: identity.app,
    unit: identity.unit,
    backend: plan.backend,
    kind: plan.kind,
    inputTokens: plan.inputTokens,
    arrivedAt,
    final: identity.final,
    ...(plan.maxOutputTokens === undefined ? {} : { maxOutputTokens: plan.maxOutputTokens }),
    ...(identity.deadlineMs === undefined ? {} : { deadlineAt: arrivedAt + identity.deadlineMs }),
    ...(identity.maxWaitMs === undefined ? {} : { maxWaitMs: identity.maxWaitMs }),
  };
}

function addedHeaders(requestId: string, plan: CallPlan, grant: Grant): Record<string, string> {
  return {
    'x-request-id': requestId,
    'x-talaria-app': plan.identity.app,
    'x-talaria-run': plan.identity.runId,
    'x-talaria-unit': plan.identity.unit,
    'x-talaria-backend': plan.backend,
    'x-talaria-cold-ms': String(Math.round(grant.coldMs)),
    'x-talaria-queue-ms': String(Math.max(0, Math.round(grant.waitedMs))),
  };
}

function refuse(
  c: Context<AppEnv>,
  refused: { code: RefusedCode; retryAfterMs: number },
  loaded: LoadedTenant,
  plan: CallPlan,
): Response {
  const { code, retryAfterMs } = refused;
  switch (code) {
    case 'key_revoked':
      return answerError(c, { code: 'invalid_api_key' });
    case 'tenant_unconfigured':
      return answerError(c, { code: 'tenant_misconfigured', retryAfterMs: 1_000 });
    case 'backend_removed':
      forgetTenant(loaded.tenant);
      return answerError(c, {
        code: 'backend_not_found',
        message: `Backend "${plan.backend}" is no longer configured.`,
      });
    default:
      return answerError(c, { code, retryAfterMs });
  }
}

function answerError(c: Context<AppEnv>, error: ApiError): Response {
  return errorResponse(error, { 'x-request-id': c.get('requestId') });
}
