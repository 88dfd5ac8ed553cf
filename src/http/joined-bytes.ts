/** Puts pieces of bytes together, with no copy where one piece is all there is. */

const EMPTY = new Uint8Array(0);

export function joinedBytes(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer>;
export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array;
export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array {
  const full = parts.filter((part) => part.length > 0);
  if (full.length <= 1) return full[0] ?? EMPTY;
  const all = new Uint8Array(full.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of full) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
