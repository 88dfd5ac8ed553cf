/**
 * Reads a request's body into memory up to a limit and at a pace; a longer one is refused before it
 * is held. Bodies that are relayed instead are in `upload.ts`, bodies read line by line in
 * `body-lines.ts`.
 */
import { failure, type Outcome } from './errors.ts';
import type { Hand } from './in-hand.ts';
import { type Pace, PacedReader, USUAL_PACE } from './paced-reader.ts';

export interface ReadRules {
  readonly maxBytes: number;
  readonly pace?: Pace;
  /** Counts the bytes that are held; its owner releases it. */
  readonly hand?: Hand;
}

/**
 * Errors: `request_too_large`, `request_timeout`, `invalid_request_error` where the client broke off,
 * and those of `hand`.
 */
export async function readBody(
  request: Request,
  { maxBytes, pace = USUAL_PACE, hand }: ReadRules,
): Promise<Outcome<{ bytes: Uint8Array<ArrayBuffer> }>> {
  const tooLarge = () =>
    failure('request_too_large', { message: `The body may have ${maxBytes} bytes at most.` });
  const isTooLong = Number(request.headers.get('content-length') ?? 0) > maxBytes;
  if (!request.body) return isTooLong ? tooLarge() : { ok: true, bytes: new Uint8Array(0) };
  const reader = new PacedReader(request.body, pace);
  if (isTooLong) {
    await reader.discard();
    return tooLarge();
  }
  const parts: Uint8Array[] = [];
  for (;;) {
    const piece = await reader.read();
    if (piece.status === 'failed') return { ok: false, error: piece.error };
    if (piece.status === 'end') break;
    const noRoom = reader.bytes > maxBytes ? tooLarge() : hand?.grow(piece.bytes.length);
    if (noRoom) {
      await reader.discard();
      return noRoom;
    }
    parts.push(piece.bytes);
  }
  return { ok: true, bytes: joined(parts, reader.bytes) };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Reads a body that must be UTF-8 text. */
export async function readText(
  request: Request,
  rules: ReadRules,
): Promise<Outcome<{ text: string }>> {
  const body = await readBody(request, rules);
  if (!body.ok) return body;
  return textOf(body.bytes);
}

/** The text of a body; the error of one that is no UTF-8. */
export function textOf(bytes: Uint8Array): Outcome<{ text: string }> {
  try {
    return {
      ok: true,
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
    };
  } catch {
    return failure('invalid_request_error', { message: 'The body is not valid UTF-8.' });
  }
}
