/**
 * How much one call asks for: the prompts in its body, the inputs that it has embedded or judged, and the
 * tokens that its client has written as numbers.
 */
import type { JsonCursor } from '../http/json-cursor.ts';
import type { Span } from '../http/json-scan.ts';
import { CLOSE_LIST, COMMA, OPEN_LIST, OPEN_OBJECT, QUOTE } from '../http/json-text.ts';

/** Number of prompts in the next value. */
export function promptsAt(cursor: JsonCursor): number {
  if (cursor.kind() !== 'list') return 1;
  cursor.open();
  return itemsAt(cursor);
}

/** Number of inputs in the next value; a list of objects is one, a conversation. */
export function inputsAt(cursor: JsonCursor): number {
  if (cursor.kind() !== 'list') return 1;
  cursor.open();
  const items = cursor.fork();
  return items.more() && items.kind() === 'object' ? 1 : itemsAt(cursor);
}

/** Number of tokens in a list of numbers, or of lists of them; some clients embed these. */
export function tokensIn(bytes: Uint8Array, span: Span | undefined): number {
  if (!span) return 0;
  const { start, end } = span;
  if (bytes[start] !== OPEN_LIST) return 0;
  let tokens = 0;
  let isAfterNumber = false;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i] as number;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (isDigit && !isAfterNumber) tokens += 1;
    // A number goes on until a comma or the end of a list. All else is text, or messages.
    if (isDigit) isAfterNumber = true;
    else if (byte === COMMA || byte === CLOSE_LIST) isAfterNumber = false;
    else if (byte === QUOTE || byte === OPEN_OBJECT) return 0;
  }
  return tokens;
}

/** Number of items in the rest of a list. */
function itemsAt(cursor: JsonCursor): number {
  let prompts = 0;
  for (; cursor.more(); prompts += 1) {
    // A list of numbers is one prompt, of tokens.
    if (prompts === 0 && cursor.kind() === 'number') return 1;
    cursor.skip();
  }
  return Math.max(1, prompts);
}
