/**
 * Reads an endpoint's error answers, and the load that it reports in headers. What an answer means is
 * decided in `verdict.ts`.
 */

import type { ApiError } from '../http/errors.ts';
import { errorFrom, parsed } from '../http/foreign-error.ts';
import type { HeaderReader } from '../http/held-headers.ts';
import { joinedBytes } from '../http/joined-bytes.ts';
import { hasKey, keyReach, withoutKey } from '../http/key-mask.ts';
import { isReadable } from '../http/media-type.ts';
import type { Verdict } from './verdict.ts';

/** Most characters of an endpoint's error that are read and passed on. */
const MAX_ERROR_CHARS = 65_536;
/** Most characters of an endpoint's reason that a message quotes. */
const MAX_REASON_CHARS = 500;

/** The part of an error that is passed on, without the endpoint's key. */
export interface ErrorBody {
  /** Empty where the body is no text. */
  readonly text: string;
  /** The text, or the bytes as they came where they are none. */
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** Reads the beginning of an error; that of a broken endpoint may be endless. */
export async function errorBodyOf(upstream: Response, key: string | undefined): Promise<ErrorBody> {
  // What is read beyond that part shows a key that begins in it.
  const bytes = await bytesOf(upstream, MAX_ERROR_CHARS + keyReach(key));
  const read = isReadable(upstream.headers) ? textOf(bytes) : undefined;
  if (read !== undefined) {
    const text = withoutKey(read, key, MAX_ERROR_CHARS);
    return { text, body: text };
  }
  const isSafe = !hasKey(new TextDecoder('latin1').decode(bytes), key);
  return { text: '', body: isSafe ? bytes.slice(0, MAX_ERROR_CHARS) : '' };
}

/** The text alone. */
export async function beginningOf(upstream: Response, key: string | undefined): Promise<string> {
  return (await errorBodyOf(upstream, key)).text;
}

async function bytesOf(upstream: Response, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const reader = upstream.body?.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    while (reader && length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
    await reader?.cancel();
  } catch {
    // The part that arrived before the connection broke is used.
  }
  return joinedBytes(parts);
}

/** Undefined where the bytes are no UTF-8; the last character may be cut off. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, {
      stream: true,
    });
  } catch {
    return undefined;
  }
}

/**
 * The client's error for an answer that is the endpoint's fault and not the client's. Where the
 * endpoint gave a reason, the message quotes it.
 */
export function failureOf({ kind, status, retryAfterMs, error }: Verdict): ApiError {
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (kind === 'broken' || kind === 'denied') {
    const reason = error?.message?.slice(0, MAX_REASON_CHARS);
    const quoted = reason === undefined ? '.' : `: ${reason}`;
    const message = `The endpoint answered with status ${status}${quoted}`;
    return { code: 'upstream_error', message, ...pause };
  }
  const code = kind === 'cold' ? 'backend_warming' : 'upstream_busy';
  return { code, retryAfterMs: 1_000, ...pause };
}

/** The message of an error in JSON of whatever form; undefined where it gives none. */
export function reasonOf(text: string): string | undefined {
  const value = parsed(text);
  return value === undefined ? undefined : errorFrom(value).message?.slice(0, MAX_REASON_CHARS);
}

/**
 * Calls that wait in the engine's own queue, from the load report in the answer's headers (ORCA);
 * undefined where there is none.
 */
export function engineQueue(headers: HeaderReader): number | undefined {
  const metrics = headers.get('endpoint-load-metrics') ?? '';
  const waiting = /"num_requests_waiting"\s*:\s*(\d{1,9})/.exec(metrics)?.[1];
  return waiting === undefined ? undefined : Number(waiting);
}
