/**
 * Decides, alone, which headers are forwarded to an endpoint and which are returned to clients. Those
 * that speak for somebody are listed in `private-headers.ts`, those of caches in `cache-headers.ts`.
 */
import { type Header, isSharedCacheHeader, ownCacheHeaders } from './cache-headers.ts';
import type { HeaderReader } from './held-headers.ts';
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
const IS_HOP: ReadonlySet<string> = new Set(HOP_BY_HOP);

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
  if (IS_HOP.has(name)) return true;
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
  client: HeaderReader,
  auth: Readonly<Record<string, string>>,
  keepsEncoding = false,
): Record<string, string> {
  const named = namedByConnection(client);
  const kept: Header[] = [];
  // Chosen before they are copied: each change of headers is a call of the platform.
  for (const [name, value] of client) {
    if (name === 'content-encoding' && !keepsEncoding) continue;
    if (staysHere(name) || named.includes(name)) continue;
    // Usage is read while the answer is relayed, so the answer must not be compressed.
    if (name !== 'accept-encoding') kept.push([name, value]);
  }
  kept.push(['accept-encoding', 'identity']);
  return withAdded(kept, auth);
}

const staysHere = remembered((name) => IS_HOP.has(name) || isPrivateHeader(name));

/** The headers of an answer to a client. `key` is the endpoint's, which some endpoints echo. */
export function answerHeaders(
  upstream: HeaderReader,
  added: Readonly<Record<string, string>>,
  key?: string,
): Record<string, string> {
  const named = namedByConnection(upstream);
  // The platform has decoded the body, so it no longer has this encoding.
  const isRead = isDecoded(upstream);
  const kept: Header[] = [];
  const forCaches = new Map<string, string>();
  for (const [name, value] of upstream) {
    if (isDropped(name) || named.includes(name)) continue;
    if (isRead && name === 'content-encoding') continue;
    if (key !== undefined && (hasKey(value, key) || hasKey(name, key))) continue;
    if (isForCaches(name)) forCaches.set(name, value);
    else kept.push([name, value]);
  }
  const [control, vary] = [forCaches.get('cache-control'), forCaches.get('vary')];
  return withAdded([...kept, ...ownCacheHeaders(kept, control, vary)], added);
}

const isForCaches = remembered(isSharedCacheHeader);
const isDropped = remembered((name) => IS_HOP.has(name) || NOT_FROM_ENDPOINTS.test(name));

/** Names of headers of this connection alone, beside those that always are. */
function namedByConnection(headers: HeaderReader): readonly string[] {
  const connection = headers.get('connection');
  if (connection === null) return [];
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

/**
 * Headers of ours take the place of others of the same name. The platform takes an object in a third
 * of the time that pairs need: 15 for 43 us, for the headers of an answer. Its own kind of headers
 * would be copied once more, by the request or the answer that they are for.
 */
function withAdded(
  kept: readonly Header[],
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  // Without a prototype: any word may be the name of a header.
  const all: Record<string, string> = Object.create(null);
  for (const [name, value] of kept) {
    const before = all[name];
    all[name] = before === undefined ? value : `${before}, ${value}`;
  }
  for (const name in added) all[name.toLowerCase()] = added[name] ?? '';
  return all;
}

/** Most names that a verdict is remembered of, and the longest: clients may send any. */
const MAX_NAMES = 1_000;
const MAX_NAME_CHARS = 64;

/** The verdict on each name, found once: most calls have the same headers. */
function remembered(verdictOn: (name: string) => boolean): (name: string) => boolean {
  const verdicts = new Map<string, boolean>();
  return (name) => {
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = verdictOn(name);
    if (verdicts.size >= MAX_NAMES) verdicts.clear();
    if (name.length <= MAX_NAME_CHARS) verdicts.set(name, verdict);
    return verdict;
  };
}
