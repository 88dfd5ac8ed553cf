/**
 * Sends a request that needs no GPU, such as a token count, to an endpoint without admission. The
 * request takes no slot, so it does not wait behind calls that do, and nothing is learned from it.
 * It goes to the backend's first endpoint without cold starts, or else to its first endpoint. Calls
 * that need a slot are in `backend-call.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { targetOf } from '../auth/endpoint-target.ts';
import { addressOf } from '../config/endpoint-address.ts';
import { endpointId, type TenantConfig } from '../config/schema.ts';
import type { EndpointAddress } from '../endpoints/address.ts';
import { adapterOf } from '../endpoints/registry.ts';
import { errorResponse } from '../http/errors.ts';
import { answerHeaders, upstreamHeaders, withoutKey } from '../http/headers.ts';

export interface SideCall {
  readonly backend: string;
  readonly path: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

export async function sideCall(c: Context<AppEnv>, call: SideCall): Promise<Response> {
  const added = { 'x-request-id': c.get('requestId'), 'x-talaria-backend': call.backend };
  const { config, tenant } = c.get('tenant');
  const address = sideCallAddress(config, call.backend);
  const resolved = address && (await targetOf(address, { ...c.env }, tenant));
  if (!address || !resolved?.ok) {
    const message = 'A secret that the endpoint needs is not set.';
    return errorResponse({ code: 'tenant_misconfigured', message }, added);
  }
  const { url, auth, key } = resolved.target;
  const adapter = adapterOf(address.kind);
  const timeout = AbortSignal.timeout(address.timeouts.firstByteMs);
  try {
    const upstream = await fetch(`${url.replace(/\/+$/, '')}${call.path}`, {
      method: 'POST',
      headers: upstreamHeaders(c.req.raw.headers, auth),
      body: call.body,
      redirect: 'manual',
      signal: AbortSignal.any([timeout, c.req.raw.signal]),
    });
    const text = await upstream.text();
    const kind = upstream.ok ? 'ok' : adapter.classify(upstream.status, text, false);
    if (kind === 'ok' || kind === 'rejected') {
      const headers = answerHeaders(upstream.headers, added, key);
      return new Response(upstream.ok ? text : withoutKey(text, key), {
        status: upstream.status,
        headers,
      });
    }
    if (kind === 'busy') {
      return errorResponse({ code: 'upstream_busy', retryAfterMs: 1_000 }, added);
    }
    if (kind === 'cold') {
      return errorResponse({ code: 'backend_warming', retryAfterMs: 1_000 }, added);
    }
    const message = `The endpoint answered with status ${upstream.status}.`;
    return errorResponse({ code: 'upstream_error', message }, added);
  } catch {
    if (timeout.aborted) return errorResponse({ code: 'upstream_timeout' }, added);
    const message = 'The endpoint could not be reached.';
    return errorResponse({ code: 'upstream_error', message }, added);
  }
}

function sideCallAddress(config: TenantConfig, backend: string): EndpointAddress | undefined {
  const endpoints = Object.hasOwn(config.backends, backend)
    ? (config.backends[backend]?.endpoints ?? [])
    : [];
  const chosen = endpoints.find((e) => e.coldStart === undefined) ?? endpoints[0];
  return chosen && addressOf(config, backend, endpointId(chosen));
}
