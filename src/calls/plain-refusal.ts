/** The response to a request that is no call, where the tenant's object refuses it. */
import { errorResponse } from '../http/errors.ts';
import { given } from '../http/given.ts';
import type { PlainRefusal } from '../protocol/key-requests.ts';
import { rateLimitHeaders } from './answer-headers.ts';

/** `headers` are added, and with them the state of the API key's limits where that is known. */
export function refusedResponse(
  { code, detail, retryAfterMs, gauges }: PlainRefusal,
  headers: Readonly<Record<string, string>>,
): Response {
  const error = {
    code,
    ...given({ message: detail, retryAfterMs }),
  };
  return errorResponse(error, { ...headers, ...rateLimitHeaders(gauges ?? {}) });
}
