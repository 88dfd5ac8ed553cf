/** The form of the names that clients give to applications, runs and units. */

export const MAX_NAME_CHARS = 128;

/** True for 1 to 128 characters of printable ASCII, which fit in a header. */
export function isName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_CHARS && /^[\x20-\x7e]+$/.test(text);
}
