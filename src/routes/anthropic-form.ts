/**
 * Anthropic's API differs in its forms only. Whatever goes wrong on its paths, here or at an
 * endpoint, is told in its form, and every answer has a `request-id`.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { toAnthropicError } from '../apis/anthropic-error.ts';
import type { AppEnv } from '../auth/app-env.ts';

/** The client speaks Anthropic's API: by the path, or by its version where both APIs have one. */
export function speaksAnthropic(c: Context<AppEnv>): boolean {
  if (/^\/v1\/messages(\/|$)/.test(c.req.path)) return true;
  return /^\/v1\/models(\/|$)/.test(c.req.path) && c.req.header('anthropic-version') !== undefined;
}

export const anthropicForm = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  if (!speaksAnthropic(c)) return;
  const requestId = c.get('requestId');
  const { status, headers } = c.res;
  if (status >= 400 && headers.get('content-type')?.startsWith('application/json')) {
    const text = toAnthropicError(await c.res.text(), status, requestId);
    const kept = new Headers(headers);
    kept.delete('content-length');
    // Else the old answer's headers would be merged into the new one's.
    c.res = undefined;
    c.res = new Response(text, { status, headers: kept });
  }
  c.res.headers.set('request-id', requestId);
});
