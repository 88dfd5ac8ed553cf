/** Bytes from Base64 in its usual form or in that for addresses; undefined for what is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const usual = text.replaceAll('-', '+').replaceAll('_', '/');
    return Uint8Array.from(atob(usual), (sign) => sign.charCodeAt(0));
  } catch {
    return undefined;
  }
}
