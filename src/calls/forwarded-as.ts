/**
 * How a call is forwarded to the endpoint that granted it a slot: its request, with the headers and the
 * key of the endpoint, its time limits, and how its answer is to be read.
 */
import type { EndpointTarget } from '../endpoints/adapter.ts';
import type { CallTimeouts } from '../endpoints/address.ts';
import { adapterOf } from '../endpoints/registry.ts';
import { upstreamHeaders } from '../http/headers.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import type { Grant } from '../protocol/admission.ts';
import type { CallPlan } from './call-plan.ts';
import type { ForwardOptions } from './forward-options.ts';

/** What depends on the call and its endpoint alone. `client`: the headers of the client's request. */
export function forwardedAs(
  plan: CallPlan,
  { address, rankMs }: Grant,
  client: HeaderReader,
  { url, auth, key }: EndpointTarget,
): Omit<ForwardOptions, 'slot' | 'added' | 'onOver'> {
  const adapter = adapterOf(address.kind);
  const isTool = address.model === undefined;
  const { body, stripUsage } = plan.body(address, rankMs, plan.backend);
  return {
    request: (signal) => {
      const own = { ...adapter.callHeaders, ...auth };
      const headers = upstreamHeaders(client, own, plan.keepsEncoding);
      if (address.loadMetrics) headers['endpoint-load-metrics-format'] = 'JSON';
      const { method } = plan;
      return { url: `${url.replace(/\/+$/, '')}${plan.path}`, method, headers, body, signal };
    },
    format: plan.format,
    streams: plan.streams ?? false,
    choices: plan.choices,
    upload: plan.upload,
    stripUsage,
    timeouts: timeoutsOf(plan, address.timeouts),
    key,
    isTool,
    // Of a tool, a request that may have done its work is not made twice.
    isRepeatable: !plan.upload && (!isTool || IDEMPOTENT.has(plan.method)),
    adapter,
  };
}

/** Methods whose requests have the same effect made twice as made once (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** A plain answer may take so many times as long to begin as a stream. */
const PLAIN_SHARE = 5;

/**
 * The time limits of a call. A server begins a plain answer when it is complete, so the wait for it
 * contains the time in which it is written.
 */
function timeoutsOf(plan: CallPlan, timeouts: CallTimeouts): CallTimeouts {
  if (!plan.generates || plan.streams) return timeouts;
  const { firstByteMs, totalMs } = timeouts;
  return { ...timeouts, firstByteMs: Math.min(totalMs, PLAIN_SHARE * firstByteMs) };
}
