/**
 * Where clients send an API key, and how they write it. What a key gives access to is decided in
 * `auth.ts`.
 */
import type { HeaderReader } from '../http/held-headers.ts';

/** Longer than any issued key; a longer text is rejected without hashing it. */
export const MAX_KEY_CHARS = 256;

/** Where clients send an API key, in the order in which they are tried. */
export const KEY_HEADERS: ReadonlyArray<{
  readonly header: string;
  readonly read: (headers: HeaderReader) => string | undefined;
}> = [
  // RFC 6750; OpenAI's and most other SDKs
  { header: 'authorization', read: bearer },
  // proxies that have the key alone, or Bearer twice
  { header: 'authorization', read: bare },
  // Anthropic's SDKs, Claude Code
  { header: 'x-api-key', read: keyIn('x-api-key') },
  // Azure OpenAI's SDKs
  { header: 'api-key', read: keyIn('api-key') },
];

function keyIn(header: string): (headers: HeaderReader) => string | undefined {
  return (headers) => usable(headers.get(header));
}

/** The key behind `Bearer`; undefined where there is none. */
export function bearer(headers: HeaderReader): string | undefined {
  return usable(/^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]);
}

/** The key without a scheme, behind one that is written twice, or in quotes. */
function bare(headers: HeaderReader): string | undefined {
  const text = headers.get('authorization') ?? '';
  return usable(/^(?:Bearer[\s:]+)*(["']?)([\w.~+/=-]+)\1$/i.exec(text)?.[2]);
}

function usable(key: string | null | undefined): string | undefined {
  return key && key.length <= MAX_KEY_CHARS ? key : undefined;
}
