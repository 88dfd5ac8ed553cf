/**
 * Serves the console's page and its files from the static assets, without a key: they are the same
 * for everybody, and hold nothing of a tenant. Every path below `/console` that is no file is a page
 * of the console's own router. Types and caching are set here, because what holds the assets differs
 * between the platform and bare workerd.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../../auth/app-env.ts';
import { errorResponse } from '../../http/errors.ts';
import { Hono } from '../../http/hono.ts';

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

interface Asset {
  readonly name: string;
  readonly type: string;
  readonly cache: string;
}

const PAGE: Asset = { name: 'index.html', type: 'text/html; charset=utf-8', cache: ASKED };

/** Mount it after the routes of the console's API. */
export const consolePage = new Hono<AppEnv>()
  .get('/console', serve)
  .get('/console/*', serve)
  .all('/console/*', (c) => {
    const headers = { 'x-request-id': c.get('requestId'), allow: 'GET, HEAD' };
    return errorResponse({ code: 'method_not_allowed', message: 'Expected GET or HEAD.' }, headers);
  });

async function serve(c: Context<AppEnv>): Promise<Response> {
  const asset = assetOf(c.req.path);
  const known = c.req.header('if-none-match');
  const found =
    asset &&
    (await c.env.ASSETS.fetch(`https://assets/${asset.name}`, {
      headers: known === undefined ? {} : { 'if-none-match': known },
    }));
  if (!found || (!found.ok && found.status !== 304)) {
    return errorResponse({ code: 'not_found' });
  }
  const etag = found.headers.get('etag');
  const headers = new Headers({ 'cache-control': asset.cache, 'content-security-policy': POLICY });
  if (etag !== null) headers.set('etag', etag);
  if (found.status === 304) return new Response(null, { status: 304, headers });
  headers.set('content-type', asset.type);
  return new Response(found.body, { headers });
}

/** The file that a path names, or the page; undefined for a name that no file can have. */
function assetOf(path: string): Asset | undefined {
  const [, name, ending = ''] = FILE.exec(path) ?? [];
  const type = Object.hasOwn(TYPES, ending) ? TYPES[ending] : undefined;
  if (path.startsWith('/console/assets')) {
    return name && type ? { name, type, cache: FOREVER } : undefined;
  }
  return name && type ? { name, type, cache: ASKED } : PAGE;
}
