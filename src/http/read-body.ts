/**
 * Reads a request's body into memory up to a limit; a longer one is refused before it is held.
 * Bodies that are relayed instead are in `upload.ts`, bodies read line by line in `body-lines.ts`.
 */
import { failure, type Outcome } from './errors.ts';

/** Errors: `request_too_large`, and `invalid_request_error` where the client broke off. */
export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Outcome<{ bytes: Uint8Array<ArrayBuffer> }>> {
  const tooLarge = () =>
    failure('request_too_large', { message: `The body may have ${maxBytes} bytes at most.` });
  const isTooLong = Number(request.headers.get('content-length') ?? 0) > maxBytes;
  if (!request.body) return isTooLong ? tooLarge() : { ok: true, bytes: new Uint8Array(0) };
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  if (isTooLong) {
    await discard(reader);
    return tooLarge();
  }
  for (;;) {
    const piece = await reader.read().catch(() => undefined);
    // The client left during its upload; nobody will read this answer.
    if (!piece) return failure('invalid_request_error', { message: 'The body broke off.' });
    const { done, value } = piece;
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await discard(reader);
      return tooLarge();
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { ok: true, bytes };
}

/** Most bytes that are read and dropped from a body that is too large. */
const MAX_DISCARDED_BYTES = 100_000_000;
/** Silence of the client after which the error is sent at once, ms. */
const LINGER_MS = 300;

/**
 * Reads and drops the rest of a body: a client that still sends would find its connection closed
 * and never read the answer.
 */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let length = 0;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const silence = () =>
    new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), LINGER_MS);
    });
  while (length < MAX_DISCARDED_BYTES) {
    const read = reader.read().catch(() => undefined);
    const piece = await Promise.race([read, silence()]);
    clearTimeout(timer);
    if (!piece || piece.done) break;
    length += piece.value.length;
  }
  await reader.cancel().catch(() => {});
}

/** Reads a body that must be UTF-8 text. */
export async function readText(
  request: Request,
  maxBytes: number,
): Promise<Outcome<{ text: string }>> {
  const body = await readBody(request, maxBytes);
  if (!body.ok) return body;
  try {
    return {
      ok: true,
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(body.bytes),
    };
  } catch {
    return failure('invalid_request_error', { message: 'The body is not valid UTF-8.' });
  }
}
