/**
 * The console's stream: authenticates the page, whose browser can send its token only as a
 * subprotocol, and hands its WebSocket to the tenant's object. A refusal is a socket that closes with
 * its reason, because a page is not told the status of a WebSocket that was not opened.
 */
import type { Context } from 'hono';
import type { AppEnv } from '../../auth/app-env.ts';
import { consoleCaller, maySee } from '../../auth/console-caller.ts';
import { fromBase64 } from '../../http/base64.ts';
import { errorResponse, invalidRequest } from '../../http/errors.ts';
import {
  BEARER_PREFIX,
  BEARER64_PREFIX,
  CONSOLE_PROTOCOL,
  STREAM_CLOSED,
} from '../../protocol/console/stream.ts';
import { STREAM_KEY_HEADER } from '../../protocol/looking.ts';

const REFUSALS: Readonly<Record<number, readonly [code: number, reason: string]>> = {
  401: [STREAM_CLOSED.unauthorized, 'The token is not valid: sign in again.'],
  404: [STREAM_CLOSED.deleted, 'There is no tenant of this name.'],
  429: [STREAM_CLOSED.full, 'Too many pages are open.'],
};

export async function openStream(c: Context<AppEnv>): Promise<Response> {
  const offered = (c.req.header('sec-websocket-protocol') ?? '').split(',').map((p) => p.trim());
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
    const headers = { 'x-request-id': c.get('requestId'), upgrade: 'websocket' };
    const message = 'This is a WebSocket.';
    return invalidRequest({ param: 'upgrade', message }, headers);
  }
  if (!offered.includes(CONSOLE_PROTOCOL)) {
    const message = `Offer the subprotocol ${CONSOLE_PROTOCOL}.`;
    const error = {
      code: 'invalid_request_error',
      param: 'sec-websocket-protocol',
      message,
    } as const;
    return errorResponse(error);
  }
  const token = tokenOf(offered);
  const found = await consoleCaller(token, c.env);
  if (!found.ok) return refused(401);
  const tenant = c.req.param('tenant') ?? '';
  const { caller } = found;
  if (!maySee(caller, tenant)) return refused(404);
  const key = caller.role === 'tenant' ? JSON.stringify(caller.key) : '';
  const opened = await c.env.TENANT.getByName(tenant).fetch('https://tenant/console', {
    headers: { upgrade: 'websocket', [STREAM_KEY_HEADER]: key },
  });
  return opened.webSocket ? accepted(opened.webSocket) : refused(opened.status);
}

function tokenOf(offered: readonly string[]): string | undefined {
  const plain = offered.find((p) => p.startsWith(BEARER_PREFIX));
  if (plain !== undefined) return plain.slice(BEARER_PREFIX.length);
  const encoded = offered.find((p) => p.startsWith(BEARER64_PREFIX));
  if (encoded === undefined) return undefined;
  const bytes = fromBase64(encoded.slice(BEARER64_PREFIX.length));
  return bytes && new TextDecoder().decode(bytes);
}

function refused(status: number): Response {
  const [code, reason] = REFUSALS[status] ?? [1_011, 'The tenant cannot be reached.'];
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(code, reason);
  return accepted(client);
}

function accepted(webSocket: WebSocket): Response {
  const headers = { 'sec-websocket-protocol': CONSOLE_PROTOCOL };
  return new Response(null, { status: 101, webSocket, headers });
}
