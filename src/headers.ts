/** Which headers go to an endpoint and which come back: the only place that knows. */

/** Of one connection only (RFC 9110, section 7.6.1), and what the connection's own layer sets. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
];

/** The client's credentials are Talaria's business; the endpoint has its own. */
const CREDENTIALS = ['authorization', 'cookie', 'x-api-key', 'api-key'];
const OURS = /^(x-talaria-|cf-|x-forwarded-|x-real-ip$|forwarded$|true-client-ip$|mf-)/;

/** Not for clients to set on a call that the dispatcher makes for them later, but for their hints. */
export function isReservedHeader(name: string): boolean {
  if (HOP_BY_HOP.includes(name) || CREDENTIALS.includes(name)) return true;
  if (/^(accept-encoding|idempotency-key|x-request-id)$/.test(name)) return true;
  if (name.startsWith('x-talaria-')) return !HINTS.test(name);
  return OURS.test(name);
}

/** What a client tells Talaria of a call. */
const HINTS = /^x-talaria-(app|run|unit|run-final|deadline-ms|max-wait-ms)$/;

/** Headers for an endpoint. */
export function upstreamHeaders(client: Headers, auth: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(client);
  const named = (client.get('connection') ?? '').split(',').map((n) => n.trim());
  for (const name of [...HOP_BY_HOP, ...CREDENTIALS, ...named]) {
    if (name !== '' && /^[\w!#$%&'*+.^`|~-]+$/.test(name)) headers.delete(name);
  }
  for (const name of [...headers.keys()]) if (OURS.test(name)) headers.delete(name);
  // Counts are read in passing, so the answer must not come compressed.
  headers.set('accept-encoding', 'identity');
  for (const [name, value] of Object.entries(auth)) headers.set(name, value);
  return headers;
}

/** Headers for the client. */
export function answerHeaders(upstream: Headers, added: Readonly<Record<string, string>>): Headers {
  const headers = new Headers(upstream);
  // The body is read and written anew, so it is no longer encoded as it came.
  for (const name of [...HOP_BY_HOP, 'content-encoding', 'set-cookie']) headers.delete(name);
  if (headers.get('content-type')?.startsWith('text/event-stream')) {
    headers.set('cache-control', 'no-cache');
  }
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  return headers;
}
