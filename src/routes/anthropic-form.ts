/**
 * Middleware for the paths of Anthropic's API: errors, of Talaria or of an endpoint, are converted
 * to Anthropic's form, and every response gets a `request-id`. The conversion is in
 * `apis/anthropic-error.ts`.
 */
import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import { toAnthropicError } from '../apis/anthropic-error.ts';
import type { AppEnv } from '../auth/app-env.ts';
import { isReadable } from '../http/media-type.ts';
import { utf8Text } from '../http/utf8-text.ts';

/**
 * True for Anthropic's API: by the path, or by the version header where both APIs have the path.
 */
export function speaksAnthropic(c: Context<AppEnv>): boolean {
  if (/^\/v1\/messages(\/|$)/.test(c.req.path)) return true;
  return /^\/v1\/models(\/|$)/.test(c.req.path) && c.req.header('anthropic-version') !== undefined;
}

export const anthropicForm = createMiddleware<AppEnv>((c, next) =>
  speaksAnthropic(c) ? answerInForm(c, next) : next(),
);

async function answerInForm(c: Context<AppEnv>, next: Next): Promise<void> {
  await next();
  const requestId = c.get('requestId');
  const { status, headers } = c.res;
  // Bytes that nobody could read pass as they are.
  if (status >= 400 && isReadable(headers)) {
    const bytes = await c.res.arrayBuffer();
    const text = utf8Text(bytes);
    const kept = new Headers(headers);
    kept.delete('content-length');
    if (text !== undefined) kept.set('content-type', 'application/json');
    const body = text === undefined ? bytes : toAnthropicError(text, status, requestId);
    // Without this, the headers of the old response would be merged into the new one.
    c.res = undefined;
    c.res = new Response(body, { status, headers: kept });
  }
  c.res.headers.set('request-id', requestId);
}
