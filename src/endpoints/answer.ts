/** What is read of an endpoint's answer where it is no success, and of its headers. */
import type { ApiError } from '../http/errors.ts';
import type { AnswerKind } from './adapter.ts';

/** How much of an endpoint's error is read and passed on. */
const MAX_ERROR_CHARS = 65_536;

/** As much of an error as is passed on; an endpoint that breaks may do so without end. */
export async function beginningOf(upstream: Response): Promise<string> {
  const decoder = new TextDecoder();
  const reader = upstream.body?.getReader();
  let text = '';
  try {
    while (reader && text.length < MAX_ERROR_CHARS) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    await reader?.cancel();
  } catch {
    // What came is all that there is.
  }
  return text.slice(0, MAX_ERROR_CHARS);
}

/** What the client is told of an answer that is the endpoint's fault, and not the client's. */
export function failureOf(kind: AnswerKind, status: number, retryAfterMs = 1_000): ApiError {
  if (kind === 'broken') {
    return { code: 'upstream_error', message: `The endpoint answered with status ${status}.` };
  }
  return { code: kind === 'cold' ? 'backend_warming' : 'upstream_busy', retryAfterMs };
}

/** What an engine tells of its own queue in the answer's headers, where it was asked to (ORCA). */
export function engineQueue(headers: Headers): number | undefined {
  const metrics = headers.get('endpoint-load-metrics') ?? '';
  const found = /"num_requests_waiting"\s*:\s*(\d{1,9})/.exec(metrics)?.[1];
  return found === undefined ? undefined : Number(found);
}
