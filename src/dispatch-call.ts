/**
 * The life of a call at the edge: ask for a slot, wait, forward, relay, report. Shared by model
 * calls and by tools; what differs between them is in the plan.
 */
import type { Context } from 'hono';
import { Admission } from './admission.ts';
import { callRequestOf, ownFacts } from './call-request.ts';
import { forgetTenant, type LoadedTenant } from './config/store.ts';
import { type EndpointAddress, targetOf } from './endpoints/target.ts';
import { errorResponse } from './errors.ts';
import { explainHeaders, serverTiming } from './explain.ts';
import { upstreamHeaders } from './headers.ts';
import type { Identity } from './identity.ts';
import type { CallFacts, CallRequest, Grant, RefusedCode } from './protocol.ts';
import { Exchange } from './proxy.ts';
import type { AppEnv } from './routes/app-env.ts';
import type { Reading } from './streams/reading.ts';

/** What is to be sent, and how the answer is to be read. */
export interface CallPlan {
  readonly backend: string;
  readonly kind: CallRequest['kind'];
  readonly inputTokens: number;
  readonly maxOutputTokens?: number;
  readonly identity: Identity;
  /** The body as the client sent it. */
  readonly content: string | Uint8Array<ArrayBuffer>;
  readonly method: string;
  /** Path and query behind the endpoint's URL. */
  readonly path: string;
  /** The body for this endpoint, and whether usage was asked for without the client's wish. */
  readonly body: (address: EndpointAddress) => { body: BodyInit | null; stripUsage: boolean };
  readonly reading: Reading;
  /** Answers asked for in one call, OpenAI's `n`. */
  readonly choices?: number | undefined;
}

export async function dispatchCall(c: Context<AppEnv>, plan: CallPlan): Promise<Response> {
  const loaded = c.get('tenant');
  // Never the client's own request id: two calls that shared it would share one slot.
  const callId = crypto.randomUUID();
  const arrivedAt = Date.now();
  const admission = new Admission(() => c.env.TENANT.getByName(loaded.tenant), {
    call: await callRequestOf(plan, callId, arrivedAt),
    keyId: c.get('keyId'),
    version: loaded.version,
    requestId: c.get('requestId'),
    why: plan.identity.why,
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
    const { retryAfterMs } = admitted;
    const facts = admitted.status === 'refused' ? admitted.facts : undefined;
    const headers = headersOf(c, plan, callId, { facts });
    if (admitted.status === 'refused') return refuse(admitted, headers, loaded, plan);
    return errorResponse({ code: 'dispatcher_unavailable', retryAfterMs }, headers);
  }
  const { slot } = admitted;
  const { address } = slot.grant;
  const added = headersOf(c, plan, callId, { grant: slot.grant });
  const found = targetOf(address, { ...c.env });
  if (!found.ok) {
    await admission.abandon();
    over.resolve();
    console.error(JSON.stringify({ event: 'secret_missing', secret: found.missingSecret }));
    const message = 'A secret that the endpoint needs is not set.';
    return errorResponse({ code: 'tenant_misconfigured', message }, added);
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
    choices: plan.choices,
    stripUsage,
    timeouts: address.timeouts,
    added,
  });
  const sentAt = Date.now();
  const answer = await exchange.run();
  answer.headers.set('server-timing', serverTiming(slot.grant, Date.now() - sentAt));
  return answer;
}

/** What the answer says of itself; of a refused call what is known. */
function headersOf(
  c: Context<AppEnv>,
  plan: CallPlan,
  callId: string,
  known: { facts?: CallFacts | undefined; grant?: Grant },
): Record<string, string> {
  const { grant } = known;
  const facts = known.facts ?? grant?.facts ?? ownFacts(plan);
  const requestId = c.get('requestId');
  return explainHeaders({
    requestId,
    callId,
    backend: plan.backend,
    facts,
    ...(grant ? { grant } : {}),
  });
}

function refuse(
  refused: { code: RefusedCode; retryAfterMs: number },
  headers: Record<string, string>,
  loaded: LoadedTenant,
  plan: CallPlan,
): Response {
  const { code, retryAfterMs } = refused;
  switch (code) {
    case 'key_revoked':
      return errorResponse({ code: 'invalid_api_key' }, headers);
    case 'tenant_unconfigured':
      return errorResponse({ code: 'tenant_misconfigured', retryAfterMs: 1_000 }, headers);
    case 'backend_removed': {
      forgetTenant(loaded.tenant);
      const message = `Backend "${plan.backend}" is no longer configured.`;
      return errorResponse({ code: 'backend_not_found', message }, headers);
    }
    default:
      return errorResponse({ code, retryAfterMs }, headers);
  }
}
