/** Reads a request's body up to a limit; what is longer is refused before it is held in memory. */
import { failure, type Outcome } from './errors.ts';

export async function readBody(
  request: Request,
  maxBytes: number,
): Promise<Outcome<{ bytes: Uint8Array<ArrayBuffer> }>> {
  const tooLarge = () =>
    failure('request_too_large', { message: `The body may have ${maxBytes} bytes at most.` });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return tooLarge();
  if (!request.body) return { ok: true, bytes: new Uint8Array(0) };
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader();
  for (;;) {
    const piece = await reader.read().catch(() => undefined);
    // The client left in the middle of its upload; nobody will read this answer.
    if (!piece) return failure('invalid_request_error', { message: 'The body broke off.' });
    const { done, value } = piece;
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
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
