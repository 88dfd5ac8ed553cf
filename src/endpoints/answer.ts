/**
 * Reads an endpoint's error answers, and the load that it reports in headers. The classification of
 * answers is in the adapters.
 */
import type { ApiError } from '../http/errors.ts';
import type { AnswerKind } from './adapter.ts';

/** Most characters of an endpoint's error that are read and passed on. */
const MAX_ERROR_CHARS = 65_536;

/** Reads the part of an error that is passed on; the error of a broken endpoint may be endless. */
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
    // The part that arrived before the connection broke is used.
  }
  return text.slice(0, MAX_ERROR_CHARS);
}

/** The client's error for an answer that is the endpoint's fault and not the client's. */
export function failureOf(kind: AnswerKind, status: number, retryAfterMs = 1_000): ApiError {
  if (kind === 'broken') {
    return { code: 'upstream_error', message: `The endpoint answered with status ${status}.` };
  }
  return { code: kind === 'cold' ? 'backend_warming' : 'upstream_busy', retryAfterMs };
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
