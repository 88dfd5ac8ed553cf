/**
 * Reads from the messages of a body what earlier answers handed out, in the form of any API: ids of
 * the tool calls whose results it has, and texts. The newest messages are read alone: they tell which
 * run a call belongs to.
 */
import type { JsonCursor } from '../http/json-cursor.ts';
import { textAt } from './prompt-text.ts';
import { PRINT_READ_CHARS, textPrint } from './text-print.ts';

/** Most ids, and the longest one that is read as far as this. */
export const MAX_RESULTS = 16;
const MAX_ID_CHARS = 64;

/** `starts`: indexes of the messages, the oldest first. Returns ids, the newest first. */
export function toolResultsAt(cursor: JsonCursor, starts: readonly number[]): string[] {
  const ids = new Set<string>();
  for (let i = starts.length - 1; i >= 0 && ids.size < MAX_RESULTS; i -= 1) {
    const message = cursor.fork(starts[i]);
    message.open();
    while (message.more()) {
      const name = message.name(['tool_call_id', 'call_id', 'content']);
      if (name === 'content' && message.kind() === 'list') readParts(message, ids);
      else if (name === undefined || name === 'content') message.skip();
      else readId(message, ids);
    }
  }
  return [...ids].slice(0, MAX_RESULTS);
}

/** Most of the newest messages whose texts are read. */
const MAX_TEXTS = 8;

/** Fingerprints of the texts of the newest messages, the newest first. */
export function textPrintsAt(cursor: JsonCursor, starts: readonly number[]): string[] {
  const prints = new Set<string>();
  for (const start of starts.slice(-MAX_TEXTS).reverse()) {
    const message = cursor.fork(start);
    message.open();
    while (message.more()) {
      const name = message.name(['content', 'output']);
      if (name === undefined) message.skip();
      else {
        const print = textPrint(textAt(message, PRINT_READ_CHARS));
        if (print !== undefined) prints.add(print);
      }
    }
  }
  return [...prints];
}

/** Takes a list of parts, as of Anthropic's messages. */
function readParts(cursor: JsonCursor, ids: Set<string>): void {
  cursor.open();
  while (cursor.more()) {
    if (cursor.kind() !== 'object') {
      cursor.skip();
      continue;
    }
    cursor.open();
    while (cursor.more()) {
      if (cursor.name(['tool_use_id']) === undefined) cursor.skip();
      else readId(cursor, ids);
    }
  }
}

function readId(cursor: JsonCursor, ids: Set<string>): void {
  if (cursor.kind() !== 'string') return cursor.skip();
  const id = cursor.text(MAX_ID_CHARS);
  if (id !== '' && ids.size < MAX_RESULTS) ids.add(id);
}
