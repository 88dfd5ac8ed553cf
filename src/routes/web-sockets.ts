/**
 * Refuses WebSockets at once with 426: Codex opens one on `/v1/responses` first, and only this status
 * makes it call the same path by HTTP without another try.
 */

import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../auth/app-env.ts';
import { errorResponse } from '../http/errors.ts';
import type { HeaderReader } from '../http/held-headers.ts';

/** Middleware of the paths that speak an API; a tool's own request is passed on without an upgrade. */
export const refuseWebSockets = createMiddleware<AppEnv>((c, next) => {
  if (!asksForWebSocket(c.get('headers')) || c.req.path.startsWith('/v1/backends/')) return next();
  const message = 'There are no WebSockets here: call the same path by HTTP, with a POST.';
  return Promise.resolve(errorResponse({ code: 'no_websockets', message }));
});

/** True where one of the protocols that are asked for is WebSocket, in any case (RFC 9110, 7.8). */
function asksForWebSocket(headers: HeaderReader): boolean {
  const protocols = (headers.get('upgrade') ?? '').toLowerCase().split(',');
  return protocols.some((protocol) => protocol.trim().split('/', 1)[0] === 'websocket');
}
