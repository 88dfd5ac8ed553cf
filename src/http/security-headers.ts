/**
 * Adds the security headers of every response, be it a page, an error or an endpoint's answer:
 * browsers take it only for its declared type, run nothing in it and keep no copy. A route that
 * serves a page sets its own policy, which stays. The headers that endpoints set for this purpose
 * are removed before (`headers.ts`), since their answers appear under Talaria's host name.
 */

const POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const EVERYWHERE: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** Set where the response does not have the header yet. */
const UNLESS_SET: Readonly<Record<string, string>> = {
  'content-security-policy': `${POLICY}; sandbox`,
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};

/** Adds the headers, in place, to a response that is otherwise complete. */
export function addSecurityHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(EVERYWHERE)) headers.set(name, value);
  for (const [name, value] of Object.entries(UNLESS_SET)) {
    if (!headers.has(name)) headers.set(name, value);
  }
}
