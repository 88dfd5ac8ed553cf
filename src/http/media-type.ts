/**
 * What kind of content a header announces. Media types are compared without case and parameters
 * (RFC 9110, section 8.3.1).
 */
import type { HeaderReader } from './held-headers.ts';

/** The media type alone, in lower case; empty where there is none. */
export function mediaType(headers: HeaderReader): string {
  return typeIn(headers.get('content-type') ?? '');
}

export function isEventStream(headers: HeaderReader): boolean {
  return isEventStreamType(headers.get('content-type') ?? '');
}

/** The same for the value of `content-type`. */
export function isEventStreamType(value: string): boolean {
  return typeIn(value) === 'text/event-stream';
}

function typeIn(value: string): string {
  return value.split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? '';
}

/** `application/json` and all `+json`, such as `application/problem+json`. */
export function isJson(headers: HeaderReader): boolean {
  return /^[\w.+-]+\/(?:[\w.-]+\+)?json$/.test(mediaType(headers));
}

/** What stands for no encoding; some write the one of characters here. */
const NOT_ENCODED: ReadonlySet<string> = new Set(['', 'identity', 'none', 'utf-8', 'utf8']);
/** Encodings that the platform's `fetch` decodes; written in any other way (`GZIP`), it does not. */
const DECODED: ReadonlySet<string> = new Set(['gzip', 'br']);

/** True where the platform has decoded the body, or there was nothing to decode. */
export function isReadable(headers: HeaderReader): boolean {
  const encoding = (headers.get('content-encoding') ?? '').trim();
  return NOT_ENCODED.has(encoding.toLowerCase()) || DECODED.has(encoding);
}

/** True where the platform has decoded the body. */
export function isDecoded(headers: HeaderReader): boolean {
  return DECODED.has((headers.get('content-encoding') ?? '').trim());
}
