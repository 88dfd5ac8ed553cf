/**
 * Which URLs Talaria may be told to call. A tenant's configuration must not turn the dispatcher into
 * a way into somebody's private network: https to public names only, or loopback in development.
 */

export interface UrlRules {
  /** Loopback over plain http is allowed. */
  readonly development: boolean;
}

const PRIVATE_SUFFIXES = ['.local', '.localhost', '.internal', '.home.arpa', '.lan'];

/** What is wrong with a URL, in words for the one who configured it; undefined where nothing is. */
export function endpointUrlProblem(text: string, rules: UrlRules): string | undefined {
  if (!URL.canParse(text)) return 'expected an absolute URL';
  const url = new URL(text);
  if (url.username || url.password) return 'credentials belong into a secret, not into the URL';
  if (url.search || url.hash) return 'expected a URL without query and fragment';
  const host = url.hostname.replace(/\.$/, '');
  if (isLoopback(host)) {
    if (!rules.development) return 'loopback addresses are allowed in development only';
    return url.protocol === 'http:' || url.protocol === 'https:'
      ? undefined
      : 'expected http or https';
  }
  if (url.protocol !== 'https:') return 'expected https';
  if (isAddress(host)) return 'expected a public host name, not an address';
  if (!host.includes('.') || PRIVATE_SUFFIXES.some((s) => host.endsWith(s))) {
    return 'expected a public host name';
  }
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The URL parser has turned every spelling of an IPv4 address into dotted decimals by now. */
function isAddress(host: string): boolean {
  return host.startsWith('[') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}
