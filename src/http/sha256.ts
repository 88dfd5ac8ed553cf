/** SHA-256 of text or bytes, raw and in lower-case hex. */

import { ENCODER } from './encoder.ts';
export function sha256(content: string | Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const bytes = typeof content === 'string' ? ENCODER.encode(content) : content;
  return crypto.subtle.digest('SHA-256', bytes);
}

export async function sha256Hex(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await sha256(content)));
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Bytes as lower-case hex digits. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}
