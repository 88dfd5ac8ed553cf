/**
 * Fingerprint of the beginning of a text that a model wrote, by which it is recognised where it comes
 * back as the input of a later call: the steps of a chain send no other sign that they belong
 * together. Not for secrets; whoever makes two texts alike joins runs of the same API key only.
 */

/** Characters that count. A shorter text than the least says too little. */
const PRINT_CHARS = 256;
const LEAST_CHARS = 40;
/** More than PRINT_CHARS, since blanks are not counted one by one. */
export const PRINT_READ_CHARS = 512;

/** The 64-bit FNV-1a hash. */
const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/** Undefined for a text that is too short. */
export function textPrint(text: string): string | undefined {
  const told = text.slice(0, PRINT_READ_CHARS).trim().replace(/\s+/g, ' ').slice(0, PRINT_CHARS);
  if (told.length < LEAST_CHARS) return undefined;
  let hash = OFFSET;
  for (let i = 0; i < told.length; i += 1) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(told.charCodeAt(i))) * PRIME);
  }
  return hash.toString(16).padStart(16, '0');
}
