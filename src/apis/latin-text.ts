/**
 * Text with one character for each byte, in which bytes and characters have the same indexes. All
 * that is searched in answers is ASCII, which is the same in UTF-8; other characters come out wrong,
 * so no text that is shown is read this way.
 */
const DECODER = new TextDecoder('latin1');
const UTF_8 = new TextDecoder();

export function latinText(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}

/** Which byte each character is: the encoding of that name is Windows-1252, by the standard. */
const BYTES = new Map(
  Array.from(DECODER.decode(Uint8Array.from({ length: 256 }, (_, byte) => byte)), (char, byte) => [
    char,
    byte,
  ]),
);

/** The bytes of such a text. */
export function latinBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => BYTES.get(char) ?? 0);
}

/** Such a text as it is meant, where its bytes are UTF-8. */
export function utf8Text(latin: string): string {
  return UTF_8.decode(latinBytes(latin));
}

/** The JSON value of such a text, where its bytes are UTF-8; undefined where it is none. */
export function latinJson(latin: string): unknown {
  try {
    return JSON.parse(isAscii(latin) ? latin : utf8Text(latin));
  } catch {
    return undefined;
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
