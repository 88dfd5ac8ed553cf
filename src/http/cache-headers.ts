/**
 * What an endpoint's answer says to caches. Its URL is the same for all tenants, and only the key in
 * the request tells them apart, so no cache that several share may keep it, whatever the endpoint
 * says. A client's own cache may, for as long as the endpoint allows.
 */

import { isEventStreamType } from './media-type.ts';

/** A name in lower case, and a value. */
export type Header = [name: string, value: string];

/** Directives for a client's own cache, and whether they have a number. */
const OWN_CACHE: Readonly<Record<string, boolean>> = {
  'max-age': true,
  'no-cache': false,
  'no-store': false,
  'no-transform': false,
  'must-revalidate': false,
  'must-understand': false,
  immutable: false,
  'stale-while-revalidate': true,
  'stale-if-error': true,
};

/** Headers to caches in front of us, and those from which a cache reckons how old an answer is. */
const SHARED_CACHE =
  /cache-control$|^(surrogate-|cache-tags?$|edge-|x-cache|x-edge-|x-accel-expires$|x-litespeed-|x-varnish|x-proxy-cache|x-served-by$|x-timer$|xkey$|x-key$|x-drupal-|cdn-|fastly-|akamai-|x-akamai-|netlify-|x-vercel-|vercel-|x-nf-|x-amz-cf-|cloudfront-|no-vary-search$|key$|variants$|variant-key$|age$|expires$|pragma$|warning$|vary$)/;

/** Directives that are read; more is no honest header. */
const MAX_DIRECTIVES = 32;

/** True for a header that no answer passes on, though a client's own cache may be told some of it. */
export function isSharedCacheHeader(name: string): boolean {
  return SHARED_CACHE.test(name);
}

/**
 * The headers by which a client's own cache may go. `others`: the answer's other headers; `control`
 * and `vary`: what the endpoint said.
 */
export function ownCacheHeaders(
  others: readonly Header[],
  control: string | undefined,
  vary = '',
): Header[] {
  const isStream = others.some(
    ([name, type]) => name === 'content-type' && isEventStreamType(type),
  );
  if (isStream) return [['cache-control', 'no-cache, private']];
  const directives = control === undefined ? [] : directivesOf(control);
  // Without a word the answer is not to be stored (`security-headers.ts`).
  if (!directives.some((directive) => /^(max-age|no-cache)/.test(directive))) return [];
  // A client may have several keys.
  const names = ['authorization', 'x-api-key', 'api-key', ...fieldNames(vary)];
  return [
    ['cache-control', ['private', ...directives].join(', ')],
    ['vary', [...new Set(names)].join(', ')],
  ];
}

function directivesOf(text: string): string[] {
  const found = text
    .toLowerCase()
    .split(',', MAX_DIRECTIVES)
    .flatMap((part) => {
      const [name = '', value] = part.trim().split('=', 2);
      if (!Object.hasOwn(OWN_CACHE, name)) return [];
      if (OWN_CACHE[name] === false) return [name];
      return value !== undefined && /^"?\d{1,10}"?$/.test(value)
        ? [`${name}=${value.replaceAll('"', '')}`]
        : [];
    });
  return found.includes('no-store') ? ['no-store'] : [...new Set(found)];
}

function fieldNames(vary: string): string[] {
  const names = vary
    .toLowerCase()
    .split(',', MAX_DIRECTIVES)
    .map((name) => name.trim());
  return names.filter((name) => /^(\*|[\w-]{1,64})$/.test(name));
}
