/** Fingerprints by which names that nobody gave are made, and repeated calls are recognised. */
import { KnownHashes } from '../http/known-hashes.ts';
import { sha256Hex } from '../http/sha256.ts';

const FINGERPRINT_CHARS = 12;
/** The shape of a call comes back with each call of its unit: up to 2 MB of them are known. */
const prints = new KnownHashes({ most: 500, maxChars: 2_048 });

/** Of several texts, in their order. */
export async function fingerprint(...parts: readonly string[]): Promise<string> {
  const text = JSON.stringify(parts);
  const hash = await prints.of(text);
  prints.keep(text, hash);
  return hash.slice(0, FINGERPRINT_CHARS);
}

/** Fingerprint of a call's body, by which a repeated call is recognised. */
export async function bodyFingerprint(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  return (await sha256Hex(content)).slice(0, 2 * FINGERPRINT_CHARS);
}
