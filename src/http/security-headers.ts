/**
 * What every answer tells browsers, a page of ours, an error and an endpoint's answer alike: to take
 * it for nothing but what it says it is, to run nothing in it, and to keep no copy. A route that
 * serves a page sets its own policy, and it stays; what endpoints say of these matters is taken out
 * before (headers.ts), since their answers stand under our name.
 */
const POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const EVERYWHERE: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** Where the answer itself has said nothing else. */
const UNLESS_SET: Readonly<Record<string, string>> = {
  'content-security-policy': `${POLICY}; sandbox`,
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};

/** Adds them to an answer that is ready to go. */
export function addSecurityHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(EVERYWHERE)) headers.set(name, value);
  for (const [name, value] of Object.entries(UNLESS_SET)) {
    if (!headers.has(name)) headers.set(name, value);
  }
}
