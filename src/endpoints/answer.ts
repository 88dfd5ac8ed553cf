/**
 * Reads an endpoint's error answers, and the load that it reports in headers. The classification of
 * answers is in the adapters.
 */
import type { ApiError } from '../http/errors.ts';
import { keyReach, withoutKey } from '../http/key-mask.ts';
import type { AnswerKind } from './adapter.ts';

/** Most characters of an endpoint's error that are read and passed on. */
const MAX_ERROR_CHARS = 65_536;
/** Most characters of an endpoint's reason that a message quotes. */
const MAX_REASON_CHARS = 500;

/**
 * Reads the part of an error that is passed on, without the endpoint's key; the error of a broken
 * endpoint may be endless.
 */
export async function beginningOf(upstream: Response, key: string | undefined): Promise<string> {
  // What is read beyond that part shows a key that begins in it.
  const most = MAX_ERROR_CHARS + keyReach(key);
  const decoder = new TextDecoder();
  const reader = upstream.body?.getReader();
  let text = '';
  try {
    while (reader && text.length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    await reader?.cancel();
  } catch {
    // The part that arrived before the connection broke is used.
  }
  return withoutKey(text, key, MAX_ERROR_CHARS);
}

/**
 * The client's error for an answer that is the endpoint's fault and not the client's. Where `text`, the
 * answer without the endpoint's key, gives a reason, the message quotes it.
 */
export function failureOf(
  kind: AnswerKind,
  status: number,
  { retryAfterMs = 1_000, text = '' }: { retryAfterMs?: number | undefined; text?: string } = {},
): ApiError {
  if (kind === 'broken') {
    const reason = reasonOf(text);
    const quoted = reason === undefined ? '.' : `: ${reason}`;
    return {
      code: 'upstream_error',
      message: `The endpoint answered with status ${status}${quoted}`,
    };
  }
  return { code: kind === 'cold' ? 'backend_warming' : 'upstream_busy', retryAfterMs };
}

/** The message of an error in the form of OpenAI's or Anthropic's API, or of common frameworks. */
export function reasonOf(text: string): string | undefined {
  try {
    const { error, message, detail } = JSON.parse(text);
    const reason = error?.message ?? message ?? detail ?? error;
    return typeof reason === 'string' && reason ? reason.slice(0, MAX_REASON_CHARS) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Calls that wait in the engine's own queue, from the load report in the answer's headers (ORCA);
 * undefined where there is none.
 */
export function engineQueue(headers: Headers): number | undefined {
  const metrics = headers.get('endpoint-load-metrics') ?? '';
  const waiting = /"num_requests_waiting"\s*:\s*(\d{1,9})/.exec(metrics)?.[1];
  return waiting === undefined ? undefined : Number(waiting);
}
