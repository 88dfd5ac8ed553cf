/**
 * Cross-origin requests of browsers to the data plane: preflights are answered, and answers carry
 * CORS headers, for origins that a tenant allows (`cors.origins`). Credentials of the browser are
 * never asked for: the key is in a header that the page sets.
 */
import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../auth/app-env.ts';
import { KEY_HEADERS } from '../auth/key-headers.ts';
import { allowsOrigin } from '../config/cors-settings.ts';
import { isAnyonesOrigin } from '../config/origins.ts';
import type { LoadedTenant } from '../config/store.ts';
import { errorResponse } from '../http/errors.ts';
import { METHODS } from '../http/methods.ts';

/** Time for which a browser may keep the answer to a preflight, s. */
const MAX_AGE_S = 600;
const MAX_HEADERS_CHARS = 4_096;

export const cors = createMiddleware<AppEnv>((c, next) => {
  const origin = c.get('headers').get('origin');
  return origin === null ? next() : answerBrowser(c, next, origin);
});

async function answerBrowser(
  c: Context<AppEnv>,
  next: Next,
  origin: string,
): Promise<Response | undefined> {
  if (isPreflight(c)) return preflight(c, origin);
  await next();
  const loaded = c.get('tenant') as LoadedTenant | undefined;
  // Without a valid key no tenant is known: the page shall read why.
  const isAllowed = loaded
    ? allowsOrigin(loaded.config.cors.origins, origin)
    : await isAnyonesOrigin(c.env.TENANTS, origin);
  if (!isAllowed) return undefined;
  const { headers } = c.res;
  headers.set('access-control-allow-origin', origin);
  headers.set('access-control-expose-headers', '*');
  headers.append('vary', 'Origin');
  return undefined;
}

/** A browser asks whether it may send a request; a client that asks a tool for OPTIONS has a key. */
function isPreflight(c: Context<AppEnv>): boolean {
  if (c.req.method !== 'OPTIONS') return false;
  const hasKey = KEY_HEADERS.some(({ header }) => c.req.header(header) !== undefined);
  return !hasKey && c.req.header('access-control-request-method') !== undefined;
}

async function preflight(c: Context<AppEnv>, origin: string): Promise<Response> {
  const requestId = { 'x-request-id': c.get('requestId') };
  if (!(await isAnyonesOrigin(c.env.TENANTS, origin))) {
    const shown = origin.slice(0, 200);
    const message = `No tenant allows the origin "${shown}": add it to "cors.origins" of the tenant.`;
    return errorResponse({ code: 'origin_not_allowed', param: 'origin', message }, requestId);
  }
  const asked = c.req.header('access-control-request-headers') ?? '';
  const isPrivate = c.req.header('access-control-request-private-network') === 'true';
  const isNames = asked.length <= MAX_HEADERS_CHARS && /^[\w!#$%&'*+.^`|~, -]*$/.test(asked);
  return new Response(null, {
    status: 204,
    headers: {
      ...requestId,
      'access-control-allow-origin': origin,
      'access-control-allow-methods': METHODS.join(', '),
      ...(isNames && asked !== '' ? { 'access-control-allow-headers': asked } : {}),
      ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}),
      'access-control-max-age': String(MAX_AGE_S),
      vary: 'Origin, Access-Control-Request-Headers',
    },
  });
}
