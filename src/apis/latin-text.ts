/**
 * Text with one character for each byte, in which bytes and characters have the same indexes. All
 * that is searched in answers is ASCII, which is the same in UTF-8; other characters come out wrong,
 * so no text that is shown is read this way.
 */
const DECODER = new TextDecoder('latin1');

export function latinText(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}
