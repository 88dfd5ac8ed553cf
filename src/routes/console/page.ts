/**
 * Serves the console's page and its files from the static assets, without a key: they are the same
 * for everybody, and hold nothing of a tenant. Every path below `/console` that is no file is a page
 * of the console's own router. The build writes compressed copies beside the files, which are shorter
 * than what a proxy makes of them on the way, and are there where no proxy is.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../../auth/app-env.ts';
import { errorResponse } from '../../http/errors.ts';
import { Hono } from '../../http/hono.ts';
import type { Coding } from '../../protocol/console/page-assets.ts';
import { codingFor, type PageFile, pageFile, pageHeaders } from './page-file.ts';

/** Mount it after the routes of the console's API. */
export const consolePage = new Hono<AppEnv>()
  .get('/console', serve)
  .get('/console/*', serve)
  .all('/console/*', (c) => {
    const headers = { 'x-request-id': c.get('requestId'), allow: 'GET, HEAD' };
    return errorResponse({ code: 'method_not_allowed', message: 'Expected GET or HEAD.' }, headers);
  });

async function serve(c: Context<AppEnv>): Promise<Response> {
  const file = pageFile(c.req.path);
  const coding = codingFor(c.req.header('accept-encoding'));
  const served =
    file && ((coding && (await answered(c, file, coding))) ?? (await answered(c, file)));
  return served ?? errorResponse({ code: 'not_found' });
}

/** Undefined where there is no such file, or no such copy of it. */
async function answered(
  c: Context<AppEnv>,
  file: PageFile,
  coding?: Coding,
): Promise<Response | undefined> {
  const known = c.req.header('if-none-match');
  const found = await c.env.ASSETS.fetch(`https://assets/${file.name}${coding?.ending ?? ''}`, {
    headers: known === undefined ? {} : { 'if-none-match': known },
  });
  if (!found.ok && found.status !== 304) {
    await found.body?.cancel();
    return undefined;
  }
  const headers = pageHeaders(file, coding);
  const etag = found.headers.get('etag');
  if (etag !== null) headers.set('etag', etag);
  if (found.status === 304) return new Response(null, { status: 304, headers });
  return new Response(found.body, { headers, ...(coding ? { encodeBody: 'manual' } : {}) });
}
