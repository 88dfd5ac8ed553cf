/**
 * What a row takes in a database of SQLite: its texts and blobs, its entries in indexes, and the
 * room that it leaves unused in its pages. Limits on what is stored count this instead of what was
 * sent, so that nobody stores more by sending it as many small things or in another field.
 */

/** Size of a page of SQLite. */
const PAGE_BYTES = 4_096;

/**
 * What a row with content of `bytes` takes beside its fixed part. Up to `shortBytes` it shares its
 * page with other rows, of which a third may be unused; longer content takes whole pages.
 */
export function contentBytes(bytes: number, shortBytes: number): number {
  if (bytes <= shortBytes) return Math.ceil(bytes * 1.5);
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** Length of texts in UTF-8; absent ones have none. */
export function textBytes(...texts: ReadonlyArray<string | null | undefined>): number {
  const encoder = new TextEncoder();
  return texts.reduce((sum, text) => sum + (text ? encoder.encode(text).length : 0), 0);
}
