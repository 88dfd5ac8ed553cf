/**
 * Which file of the assets an address of the console is answered with, how it is compressed, and with
 * which headers. Types and caching are set here, because what holds the assets differs between the
 * platform and bare workerd.
 */
import { CODINGS, type Coding, screenPageOf } from '../../protocol/console/page-assets.ts';

/** Nothing but the page's own files and its own API; no script or style within the page. */
const POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'"],
  ...["connect-src 'self'", "worker-src 'self'"],
  ...["base-uri 'none'", "frame-ancestors 'none'", "form-action 'none'"],
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  webmanifest: 'application/manifest+json',
  svg: 'image/svg+xml',
  png: 'image/png',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
};

/** A file at the root of the assets, or in the folder whose names have a hash of their content. */
const FILE = /^\/console\/((?:assets\/)?[\w-][\w.-]*\.([a-z\d]+))$/;

const FOREVER = 'public, max-age=31536000, immutable';
/** Kept, but asked for each time whether it is still the newest. */
const ASKED = 'no-cache';

export interface PageFile {
  /** Its path in the assets. */
  readonly name: string;
  readonly type: string;
  readonly cache: string;
}

/** The file that a path names, or a page; undefined for a name that no file can have. */
export function pageFile(path: string): PageFile | undefined {
  const [, name, ending = ''] = FILE.exec(path) ?? [];
  const type = Object.hasOwn(TYPES, ending) ? TYPES[ending] : undefined;
  if (path.startsWith('/console/assets')) {
    return name && type ? { name, type, cache: FOREVER } : undefined;
  }
  if (name && type) return { name, type, cache: ASKED };
  const screen = screenPageOf(path);
  const page = screen === undefined ? 'index.html' : `pages/${screen}.html`;
  return { name: page, type: 'text/html; charset=utf-8', cache: ASKED };
}

/** The best coding that an `accept-encoding` allows; undefined for none. */
export function codingFor(accepted: string | undefined): Coding | undefined {
  const offers = (accepted ?? '').toLowerCase().split(',');
  const allowed = offers.flatMap((offer) => {
    const [name = '', ...parameters] = offer.split(';').map((part) => part.trim());
    return parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter)) ? [] : [name];
  });
  return CODINGS.find(({ name }) => allowed.includes(name));
}

export function pageHeaders(file: PageFile, coding?: Coding): Headers {
  const headers = new Headers({
    'content-type': file.type,
    'cache-control': file.cache,
    'content-security-policy': POLICY,
    vary: 'accept-encoding',
  });
  if (coding) headers.set('content-encoding', coding.name);
  return headers;
}
