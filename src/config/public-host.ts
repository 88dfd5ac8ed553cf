/**
 * Decides which host names may be called. Names cannot be resolved here, so they are judged by
 * their form: no address in any notation, no name of a private network, of a cloud's metadata
 * service, or of a service that provides a name for any address. An address within a name (as in
 * the names of cloud machines) must be a public one. The rest of a URL is checked in
 * `endpoint-url.ts`.
 */

/** Last labels that are reserved, or resolved only within a private network. */
const PRIVATE_ENDINGS = [
  ...['local', 'localhost', 'localdomain', 'internal', 'intranet', 'private', 'corp', 'home'],
  ...['lan', 'arpa', 'consul', 'cluster', 'svc', 'onion', 'invalid', 'test', 'example', 'alt'],
  ...['domain', 'workgroup', 'dhcp', 'vm', 'vpn', 'docker', 'kubernetes', 'nomad'],
  ...['router', 'gateway', 'modem', 'hub', 'nas', 'repeater', 'powerline', 'wlan', 'ip', 'mdns'],
];

/** Domains that a router or an operating system resolves to a machine of its own network. */
const LOCAL_DOMAINS = [
  ...['fritz.box', 'myfritz.box', 'speedport.ip', 'easy.box', 'o2.box', 'kabel.box', 'giga.cube'],
  ...['routerlogin.net', 'routerlogin.com', 'mywifiext.net', 'mywifiext.com', 'orbilogin.net'],
  ...['orbilogin.com', 'tplinkwifi.net', 'tplinklogin.net', 'tplinkmodem.net', 'tplinkap.net'],
  ...['tplinkrepeater.net', 'tplinkextender.net', 'asusrouter.com', 'router.asus.com'],
  ...['repeater.asus.com', 'linksyssmartwifi.com', 'miwifi.com', 'amplifi.com'],
  ...['mafreebox.freebox.fr'],
];

/** Domains whose names resolve to an address in their labels, or always to loopback. */
const NAMES_OF_ADDRESSES = [
  ...['nip.io', 'sslip.io', 'xip.io', 'backname.io', 'traefik.me', 'local-ip.co', 'local-ip.sh'],
  ...['localtest.me', 'lvh.me', 'vcap.me', 'lacolhost.com', 'localhost.direct', 'localho.st'],
  ...['1u.ms', 'rbndr.us', 'nip.ru', '127-0-0-1.org.uk', 'yoogle.com', 'lndo.site', 'ddev.site'],
  ...['local.gd', 'local-ip.dev', 'local-ip.medicmobile.org', 'localh.st', 'lcl.host', 'fuf.me'],
  ...['ulh.us', 'ipq.co', 'xip.name', 'plex.direct', 'ip.hlidskjalf.cloud', 'smackaho.st'],
  ...['42foo.com', 'spoofed.burpcollaborator.net', 'rbnd.gl0.eu', 'lock.cmpxchg8b.com'],
];

/** First labels of the services that tell cloud machines about themselves, with credentials. */
const METADATA_LABELS = ['metadata', 'instance-data'];

const MOST_NAME_CHARS = 253;
const MOST_LABEL_CHARS = 63;

/** True for the machine itself; expects a host as the URL parser normalises it. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/\.$/, '');
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** What is wrong with the host of a parsed URL; undefined where it looks public. */
export function hostProblem(hostname: string): string | undefined {
  if (hostname.startsWith('[') || /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname)) {
    return 'expected a public host name, not an address';
  }
  const name = hostname.replace(/\.$/, '');
  const labels = name.split('.');
  const isWellFormed = labels.every((l) => l.length <= MOST_LABEL_CHARS && /^[a-z\d_-]+$/.test(l));
  if (!isWellFormed || name.length > MOST_NAME_CHARS) return 'expected a well-formed host name';
  const ending = labels.at(-1) ?? '';
  if (labels.length < 2 || PRIVATE_ENDINGS.includes(ending) || /^\d+$/.test(ending)) {
    return 'expected a public host name';
  }
  if (METADATA_LABELS.includes(labels[0] ?? '')) return "expected no cloud's metadata service";
  const isWithin = (domain: string) => name === domain || name.endsWith(`.${domain}`);
  if (LOCAL_DOMAINS.some(isWithin)) return 'expected a public host name, not one of a home network';
  const namesAnyAddress = NAMES_OF_ADDRESSES.some(isWithin);
  if (namesAnyAddress || hasPrivateAddress(labels)) {
    return 'expected a public host name, not the name of an address';
  }
  return undefined;
}

/** True where the labels contain, with dots or dashes, an address that no public machine has. */
function hasPrivateAddress(labels: readonly string[]): boolean {
  return [labels, ...labels.map((label) => label.split('-'))].some((parts) =>
    parts.some((_, i) => isPrivateAddress(parts.slice(i, i + 4))),
  );
}

function isPrivateAddress(parts: readonly string[]): boolean {
  if (parts.length < 4 || !parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) <= 255)) {
    return false;
  }
  const [a = 0, b = 0, c = 0] = parts.map(Number);
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && (b === 168 || (b === 0 && (c === 0 || c === 2)))) ||
    (a === 198 && (b === 18 || b === 19 || (b === 51 && c === 100))) ||
    (a === 203 && b === 0 && c === 113)
  );
}
