/**
 * Decides which URLs Talaria may call. A tenant's configuration must not turn the dispatcher into a
 * way into a private network, so only https to public names is allowed, and loopback in
 * development. Every URL that comes from outside is checked here. Host names are judged in
 * `public-host.ts`.
 */
import { hostProblem, isLoopback } from './public-host.ts';

export interface UrlRules {
  /** Loopback over plain http is allowed. */
  readonly development: boolean;
}

/** Blanks, line ends, control and invisible characters, and backslashes, at any place. */
const REPAIRED = /[\s\p{C}\\]/u;

/** What is wrong with a URL, in words for its author; undefined where nothing is. */
export function endpointUrlProblem(text: string, rules: UrlRules): string | undefined {
  // The parser would drop or rewrite these, and the text itself is what requests are built from.
  if (REPAIRED.test(text)) return 'expected a URL without spaces, control characters and "\\"';
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text)) {
    return 'expected an absolute URL that begins with "https://"';
  }
  const url = new URL(text);
  if (url.username || url.password) {
    return 'credentials belong into a secret or "auth.value", not into the URL';
  }
  if (/[?#]/.test(text)) return 'expected a URL without query and fragment';
  if (isLoopback(url.hostname)) {
    if (!rules.development) return 'loopback addresses are allowed in development only';
    return url.protocol === 'http:' || url.protocol === 'https:'
      ? undefined
      : 'expected http or https';
  }
  if (url.protocol !== 'https:') return 'expected https';
  return hostProblem(url.hostname);
}
