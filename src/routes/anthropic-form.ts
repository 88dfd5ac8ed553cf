/**
 * Middleware for the paths of Anthropic's API: errors, of Talaria or of an endpoint, are converted
 * to Anthropic's form, and every response gets a `request-id`. The conversion is in
 * `apis/anthropic-error.ts`.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { toAnthropicError } from '../apis/anthropic-error.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { isMediaType } from '../http/media-type.ts';

/**
 * True for Anthropic's API: by the path, or by the version header where both APIs have the path.
 */
export function speaksAnthropic(c: Context<AppEnv>): boolean {
  if (/^\/v1\/messages(\/|$)/.test(c.req.path)) return true;
  return /^\/v1\/models(\/|$)/.test(c.req.path) && c.req.header('anthropic-version') !== undefined;
}

export const anthropicForm = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (!speaksAnthropic(c)) return;
  const requestId = c.get('requestId');
  const { status, headers } = c.res;
  if (status >= 400 && isMediaType(headers, 'application/json')) {
    const text = toAnthropicError(await c.res.text(), status, requestId);
    const kept = new Headers(headers);
    kept.delete('content-length');
    // Without this, the headers of the old response would be merged into the new one.
    c.res = undefined;
    c.res = new Response(text, { status, headers: kept });
  }
  c.res.headers.set('request-id', requestId);
});
