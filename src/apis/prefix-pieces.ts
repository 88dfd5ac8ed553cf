/**
 * Reads for a prefix-chain.ts the prompts that are not cut by messages: a long string, which is cut
 * into pieces of one length, and a system prompt, of which engines leave a line out.
 */
import type { JsonCursor } from '../http/json-cursor.ts';
import type { Span } from '../http/json-scan.ts';
import type { PrefixChain } from './prefix-chain.ts';
import { charsAt, partText } from './prompt-text.ts';

/** Length of a piece of a long string, bytes. */
const PIECE_BYTES = 512;
/**
 * What Claude Code tells its provider about itself, which differs from call to call. Engines that
 * serve its API leave it out of the prompt: nothing that comes after it could be found in their caches.
 */
const CLIENT_LINE = 'x-anthropic-billing-header:';

/** Takes a system prompt: the number of characters in it that the model will read. */
export function systemChars(cursor: JsonCursor): number {
  if (cursor.kind() !== 'list') return charsAt(cursor, 0);
  let chars = 0;
  cursor.open();
  while (cursor.more()) {
    const isLine = cursor.kind() === 'object' && isClientLine(cursor.fork());
    chars += charsAt(isLine ? cursor.fork() : cursor, 1);
    if (isLine) cursor.ignore();
  }
  return chars;
}

/** Adds a string of `chars` characters to the chain, after `charsBefore` others. */
export function addPieces(
  chain: PrefixChain,
  bytes: Uint8Array,
  { start, end }: Span,
  { chars, charsBefore }: { readonly chars: number; readonly charsBefore: number },
): void {
  let at = start;
  for (; at + PIECE_BYTES < end; at += PIECE_BYTES) {
    chain.digest.add(bytes, at, at + PIECE_BYTES);
    const share = (at + PIECE_BYTES - start) / (end - start);
    chain.pieceEnded(charsBefore + Math.floor(chars * share));
  }
  chain.digest.add(bytes, at, end);
  chain.messageEnded('input', charsBefore + chars);
}

function isClientLine(part: JsonCursor): boolean {
  return partText(part, CLIENT_LINE.length).toLowerCase() === CLIENT_LINE;
}
