/**
 * Sends a request that needs no GPU, such as a token count, to an endpoint without a slot: it does not
 * wait behind calls that have one, and nothing is learned from it. The tenant's object charges it to
 * its API key, bounds how many run, and chooses an endpoint that counts as warm, since such a request
 * wakes none. One that turns out cold was started by it: that is reported, and the client is told to
 * come back. Calls that need a slot are in `backend-call.ts`.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../auth/app-env.ts';
import { secretsIn, targetOf } from '../auth/endpoint-target.ts';
import { forgetTenant } from '../config/store.ts';
import { failureOf } from '../endpoints/answer.ts';
import { adapterOf } from '../endpoints/registry.ts';
import { statusOfError, type Verdict, verdictOf, verdictOfError } from '../endpoints/verdict.ts';
import { type ApiError, errorResponse } from '../http/errors.ts';
import { given } from '../http/given.ts';
import { answerHeaders, upstreamHeaders, withoutKey } from '../http/headers.ts';
import { type Beginning, readBeginning } from '../http/read-answer.ts';
import { askTenant } from '../objects/ask-object.ts';
import type { SideCallEnd, SideCallGrant } from '../protocol/key-requests.ts';
import { rateLimitHeaders } from './answer-headers.ts';
import { isClientsOwn, mayBeNotUp } from './attempt-result.ts';
import { refusedResponse } from './plain-refusal.ts';

/** Longest answer that is passed on, bytes: a count is a line. */
const MAX_ANSWER_BYTES = 65_536;
/** A platform that holds a request for longer starts its endpoint, ms: a count takes no time. */
const HELD_MS = 10_000;
/** Least and longest pause that a client is told while an endpoint starts, ms. */
const LEAST_START_MS = 1_000;
const LONGEST_START_MS = 60_000;

export interface SideCall {
  readonly backend: string;
  readonly path: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

export async function sideCall(c: Context<AppEnv>, call: SideCall): Promise<Response> {
  const { tenant, version } = c.get('tenant');
  const [keyId, keyHash] = [c.get('keyId'), c.get('keyHash')];
  const { backend } = call;
  const answer = await askTenant(c.env, tenant, (stub) =>
    stub.beginSideCall({ backend, keyId, keyHash, version }),
  );
  const added = {
    'x-request-id': c.get('requestId'),
    'x-talaria-backend': backend,
    ...rateLimitHeaders(answer.gauges ?? {}),
  };
  if (answer.status === 'refused') {
    if (answer.code === 'backend_not_found') forgetTenant(tenant);
    return refusedResponse(answer, added);
  }
  const { ticket } = answer;
  let end: SideCallEnd = {};
  try {
    const sent = await send(c, call, answer, added);
    end = sent.end;
    return sent.response;
  } finally {
    // The place is given up after the answer is on its way; without a report, by the disposal.
    const reported = ticket.report(end).catch(() => {});
    c.executionCtx.waitUntil(reported.finally(() => ticket[Symbol.dispose]?.()));
  }
}

async function send(
  c: Context<AppEnv>,
  call: SideCall,
  grant: SideCallGrant,
  headers: Added,
): Promise<Sent> {
  const { address, endpoint, startMs } = grant;
  const added = { ...headers, 'x-talaria-endpoint': endpoint.replace(/[^\x20-\x7e]/g, '?') };
  const resolved = await targetOf(address, secretsIn(c.env), c.get('tenant').tenant);
  if (!resolved.ok) {
    const message = 'A secret that the endpoint needs is not set.';
    return failed({ code: 'tenant_misconfigured', message }, added);
  }
  const { url, auth, key } = resolved.target;
  const adapter = adapterOf(address.kind);
  const { firstByteMs } = address.timeouts;
  const limitMs = startMs === undefined ? firstByteMs : Math.min(firstByteMs, HELD_MS);
  const timeout = AbortSignal.timeout(limitMs);
  try {
    const upstream = await fetch(`${url.replace(/\/+$/, '')}${call.path}`, {
      method: 'POST',
      headers: upstreamHeaders(c.get('headers'), { ...adapter.callHeaders, ...auth }),
      body: call.body,
      redirect: 'manual',
      signal: AbortSignal.any([timeout, c.req.raw.signal]),
    });
    const beginning = await readBeginning(upstream, MAX_ANSWER_BYTES);
    const { status, ok } = upstream;
    const isTool = address.model === undefined;
    const text = withoutKey(beginning.text, key);
    const failed = ok && !isTool ? statusOfError(text) : undefined;
    const { headers } = upstream;
    const verdict =
      failed === undefined
        ? verdictOf(adapter, { status, headers, text }, isTool, Date.now())
        : verdictOfError(adapter, text, headers, Date.now());
    const { kind } = verdict;
    const isDown = kind === 'cold' || mayBeNotUp(kind, verdict.status, isTool);
    if (startMs !== undefined && isDown) return foundCold(grant, added);
    return sentOf(upstream, { ...beginning, text }, verdict, { key, added });
  } catch {
    if (startMs !== undefined && !c.req.raw.signal.aborted) return foundCold(grant, added);
    if (timeout.aborted) return failed({ code: 'upstream_timeout' }, added);
    const message = 'The endpoint could not be reached.';
    return failed({ code: 'upstream_error', message }, added);
  }
}

interface Sent {
  readonly response: Response;
  readonly end: SideCallEnd;
}

type Added = Readonly<Record<string, string>>;

function failed(error: ApiError, added: Added, end: SideCallEnd = {}): Sent {
  return { response: errorResponse(error, added), end };
}

/** The endpoint was not up: the request has started it. */
function foundCold({ endpoint, startMs = 0 }: SideCallGrant, added: Added): Sent {
  const retryAfterMs = Math.min(LONGEST_START_MS, Math.max(LEAST_START_MS, startMs));
  const message = `Endpoint "${endpoint.slice(0, 200)}" was not up: it is started now.`;
  return failed({ code: 'backend_warming', message, retryAfterMs }, added, { foundCold: true });
}

/** What becomes of the endpoint's answer. */
function sentOf(
  { headers }: Response,
  { text, isWhole }: Beginning,
  verdict: Verdict,
  { key, added }: { readonly key: string | undefined; readonly added: Added },
): Sent {
  const { kind, status } = verdict;
  if (kind === 'ok' || kind === 'unready' || isClientsOwn(kind)) {
    if (!isWhole) {
      const message = `The endpoint's answer is longer than ${MAX_ANSWER_BYTES} bytes.`;
      return failed({ code: 'upstream_error', message }, added);
    }
    const passed = answerHeaders(headers, added, key);
    const sent = new Response(NO_BODY.has(status) ? null : text, { status, headers: passed });
    return { response: sent, end: {} };
  }
  const { retryAfterMs } = verdict;
  return failed(failureOf(verdict), added, {
    turnedAway: kind === 'busy' || kind === 'cold',
    ...given({ retryAfterMs }),
  });
}

/** Statuses of success whose answers have no body. */
const NO_BODY: ReadonlySet<number> = new Set([204, 205]);
