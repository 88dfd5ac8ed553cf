/** Names that clients give to applications, runs and units. */

export const MAX_NAME_CHARS = 128;

/** Printable ASCII, so that it fits a header. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_CHARS && /^[\x20-\x7e]+$/.test(text);
}
