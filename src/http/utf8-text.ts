/** Bytes as text, a byte order mark included; undefined where they are no UTF-8. */
export function utf8Text(bytes: ArrayBuffer | Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
