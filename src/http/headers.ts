/**
 * Decides, alone, which headers are forwarded to an endpoint and which are returned to clients. Those
 * that speak for somebody are listed in `private-headers.ts`, those of caches in `cache-headers.ts`.
 */
import { keepPrivate } from './cache-headers.ts';
import { hasKey } from './key-mask.ts';
import { isDecoded } from './media-type.ts';
import { isPrivateHeader } from './private-headers.ts';

export { withoutKey } from './key-mask.ts';

/** Headers of one connection (RFC 9110, section 7.6.1), and those that its own layer sets. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'content-length',
];

/**
 * Headers that an endpoint must not set under Talaria's host name: cookies, whose scope would be
 * that host; headers that only Talaria or its platform sets; policies of the host for browsers.
 */
const NOT_FROM_ENDPOINTS =
  /^(x-talaria-|cf-|x-forwarded|forwarded$|set-cookie2?$|clear-site-data$|strict-transport-security$|public-key-pins|expect-ct$|alt-svc$|refresh$|report-to$|reporting-endpoints$|nel$|content-security-policy|x-content-security-policy|x-webkit-csp|permissions-policy|feature-policy$|document-policy|x-frame-options$|x-permitted-cross-domain-policies$|cross-origin-|access-control-|timing-allow-origin$|origin-agent-cluster$|service-worker|speculation-rules$|supports-loading-mode$|use-as-dictionary$|accept-ch$|critical-ch$|x-dns-prefetch-control$|x-accel-redirect$|x-sendfile|x-lighttpd-send|www-authenticate$|server-timing$|idempotent-replayed$)/;

/**
 * True for headers that a client may not set for a call that the dispatcher makes later (a job).
 * The headers that describe a call to Talaria are allowed.
 */
export function isReservedHeader(name: string): boolean {
  if (HOP_BY_HOP.includes(name)) return true;
  if (/^(accept-encoding|idempotency-key|x-request-id)$/.test(name)) return true;
  if (name.startsWith('x-talaria-')) return !HINTS.test(name);
  return isPrivateHeader(name);
}

/** Headers by which a client describes its call to Talaria. */
const HINTS = /^x-talaria-(app|run|unit|run-final|deadline-ms|max-wait-ms|if-late)$/;

/**
 * The headers of a request to an endpoint; `auth` has the endpoint's key. `keepsEncoding`: the body is
 * passed on in the encoding in which it came; else it was decoded.
 */
export function upstreamHeaders(
  client: Headers,
  auth: Readonly<Record<string, string>>,
  keepsEncoding = false,
): Headers {
  const headers = new Headers(client);
  dropConnection(headers);
  if (!keepsEncoding) headers.delete('content-encoding');
  for (const name of [...headers.keys()]) if (isPrivateHeader(name)) headers.delete(name);
  // Usage is read while the answer is relayed, so the answer must not be compressed.
  headers.set('accept-encoding', 'identity');
  for (const [name, value] of Object.entries(auth)) headers.set(name, value);
  return headers;
}

/** The headers of an answer to a client. `key` is the endpoint's, which some endpoints echo. */
export function answerHeaders(
  upstream: Headers,
  added: Readonly<Record<string, string>>,
  key?: string,
): Headers {
  const headers = new Headers(upstream);
  dropConnection(headers);
  if (key !== undefined) {
    for (const [name, value] of [...headers]) {
      if (hasKey(value, key) || hasKey(name, key)) headers.delete(name);
    }
  }
  // The platform has decoded the body, so it no longer has this encoding.
  if (isDecoded(headers)) headers.delete('content-encoding');
  for (const name of [...headers.keys()]) if (NOT_FROM_ENDPOINTS.test(name)) headers.delete(name);
  keepPrivate(headers);
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  return headers;
}

/** Removes the headers of one connection, and those that `connection` names. */
function dropConnection(headers: Headers): void {
  const named = (headers.get('connection') ?? '').split(',').map((n) => n.trim());
  for (const name of [...HOP_BY_HOP, ...named]) {
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(name)) headers.delete(name);
  }
}
