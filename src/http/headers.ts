/** Which headers go to an endpoint and which come back: the only place that knows. */

/** Of one connection only (RFC 9110, section 7.6.1), and what the connection's own layer sets. */
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

/** The client's credentials are Talaria's business; the endpoint has its own. */
const CREDENTIALS = ['authorization', 'cookie', 'cookie2', 'x-api-key', 'api-key'];
/** Ours, and what proxies say of where a request came from: of a client it proves nothing. */
const OURS =
  /^(x-talaria-|cf-|x-forwarded-|x-real-ip$|x-client-ip$|x-cluster-client-ip$|forwarded$|via$|true-client-ip$|fastly-client-ip$|x-original-|x-rewrite-url$|cdn-loop$|mf-)/;

/**
 * What an endpoint must not say under our name: cookies, whose scope would be ours; headers that only
 * Talaria or its platform sets; what browsers are to think of our host.
 */
const NOT_THEIRS =
  /^(x-talaria-|cf-|x-forwarded-|forwarded$|set-cookie2?$|clear-site-data$|strict-transport-security$|public-key-pins|expect-ct$|alt-svc$|refresh$|report-to$|reporting-endpoints$|nel$|content-security-policy|x-frame-options$|service-worker-allowed$|www-authenticate$|server-timing$|idempotent-replayed$)/;

/** Not for clients to set on a call that the dispatcher makes for them later, but for their hints. */
export function isReservedHeader(name: string): boolean {
  if (HOP_BY_HOP.includes(name) || CREDENTIALS.includes(name)) return true;
  if (/^(accept-encoding|idempotency-key|x-request-id)$/.test(name)) return true;
  if (name.startsWith('x-talaria-')) return !HINTS.test(name);
  return OURS.test(name);
}

/** What a client tells Talaria of a call. */
const HINTS = /^x-talaria-(app|run|unit|run-final|deadline-ms|max-wait-ms|if-late)$/;

/** Headers for an endpoint. */
export function upstreamHeaders(client: Headers, auth: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(client);
  dropConnection(headers);
  for (const name of CREDENTIALS) headers.delete(name);
  for (const name of [...headers.keys()]) if (OURS.test(name)) headers.delete(name);
  // Counts are read in passing, so the answer must not come compressed.
  headers.set('accept-encoding', 'identity');
  for (const [name, value] of Object.entries(auth)) headers.set(name, value);
  return headers;
}

/** Encodings that the platform's `fetch` takes off. */
const DECODED = /^\s*(gzip|br)\s*$/i;

/** Headers for the client; `key` is the endpoint's, which some echo. */
export function answerHeaders(
  upstream: Headers,
  added: Readonly<Record<string, string>>,
  key?: string,
): Headers {
  const headers = new Headers(upstream);
  dropConnection(headers);
  if (key !== undefined) {
    for (const [name, value] of [...headers]) if (value.includes(key)) headers.delete(name);
  }
  // What the platform has decoded in reading is no longer encoded as it came.
  if (DECODED.test(headers.get('content-encoding') ?? '')) headers.delete('content-encoding');
  for (const name of [...headers.keys()]) if (NOT_THEIRS.test(name)) headers.delete(name);
  if (headers.get('content-type')?.startsWith('text/event-stream')) {
    headers.set('cache-control', 'no-cache');
  }
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  return headers;
}

/** An endpoint's words without its key, which errors like to quote. */
export function withoutKey(text: string, key: string | undefined): string {
  return key === undefined ? text : text.replaceAll(key, '[key]');
}

/** Takes out what belongs to one connection, and what it names as its own. */
function dropConnection(headers: Headers): void {
  const named = (headers.get('connection') ?? '').split(',').map((n) => n.trim());
  for (const name of [...HOP_BY_HOP, ...named]) {
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(name)) headers.delete(name);
  }
}
