/**
 * Reads the text of a prompt where it stands in a body: how long it is, and its beginning. Which
 * fields of a body hold prompts is known in `body-sketch.ts`.
 */
import type { JsonCursor } from '../http/json-cursor.ts';

/** Deepest nesting that is counted: a message, its parts, a tool result, and its parts. */
const MAX_PROMPT_DEPTH = 8;
/** Most characters of a string that a schema only has to know the kind of. */
const MAX_KIND_CHARS = 256;

/** Takes a value: the number of characters in it that the model will read. */
export function charsAt(cursor: JsonCursor, depth: number): number {
  const kind = cursor.kind();
  if (kind === 'string') return cursor.chars();
  const isDeeper = (kind === 'list' || kind === 'object') && depth <= MAX_PROMPT_DEPTH;
  if (!isDeeper) {
    cursor.skip();
    return 0;
  }
  if (kind === 'list') {
    let chars = 0;
    cursor.open();
    while (cursor.more()) {
      if (isPlain(cursor)) cursor.skipPlain();
      else chars += charsAt(cursor, depth + 1);
    }
    return chars;
  }
  return objectChars(cursor, depth);
}

/** Where Anthropic's clients ask that the prompt up to there be cached. */
export const CACHE_MARK = 'cache_control';
const TEXT_TYPES = ['text', 'input_text', 'output_text'] as const;
/** The fields of an object that may hold its text, and those that `skipMark` knows. */
const PART_FIELDS = ['content', 'text', 'output', 'type', CACHE_MARK] as const;
/** The field is absent or null. */
export const NONE = -1;

/**
 * Takes the value of a field that says how a part is written: it is part of no digest where the same
 * prompt may be sent without it. A text may also be written as a string, and the mark of what is to be
 * cached moves on with each call.
 */
function skipMark(cursor: JsonCursor, name: 'type' | typeof CACHE_MARK): void {
  if (name === CACHE_MARK || TEXT_TYPES.some((type) => cursor.is(type))) cursor.ignore();
  else cursor.skip();
}

/** Takes an object: the characters of the first of its text fields that is not null. */
function objectChars(cursor: JsonCursor, depth: number): number {
  let content = NONE;
  let text = NONE;
  let output = NONE;
  cursor.open();
  while (cursor.more()) {
    const name = cursor.name(PART_FIELDS);
    if (name === undefined) cursor.skip();
    else if (name === 'type' || name === CACHE_MARK) skipMark(cursor, name);
    else if (name === 'content') content = fieldChars(cursor, depth);
    else if (name === 'text') text = fieldChars(cursor, depth);
    else output = fieldChars(cursor, depth);
  }
  return firstOf(content, text, output);
}

/** Takes the value of a text field of an object at `depth`. */
export function fieldChars(cursor: JsonCursor, depth: number): number {
  const isNull = cursor.kind() === 'null';
  const chars = charsAt(cursor, depth + 1);
  return isNull ? NONE : chars;
}

/** The characters that count, of those in the text fields of one object. */
export function firstOf(content: number, text: number, output: number): number {
  if (content !== NONE) return content;
  if (text !== NONE) return text;
  return output === NONE ? 0 : output;
}

/** True where the next value is none that has others or text in it. */
export function isPlain(cursor: JsonCursor): boolean {
  const kind = cursor.kind();
  return kind === 'number' || kind === 'boolean' || kind === 'null';
}

/** Takes a message's content, a string or a list of parts: its text, cut. */
export function textAt(cursor: JsonCursor, most: number): string {
  if (cursor.kind() === 'string') return cursor.text(most);
  if (cursor.kind() !== 'list') {
    cursor.skip();
    return '';
  }
  let text = '';
  cursor.open();
  for (let index = 0; cursor.more(); index += 1) {
    if (index > 0) text += '\n';
    if (text.length >= most) break;
    if (cursor.kind() === 'object') text += partText(cursor, most);
    else cursor.skip();
  }
  return text.slice(0, most);
}

/** Takes an object: its field `text`, cut. */
export function partText(cursor: JsonCursor, most: number): string {
  let text = '';
  cursor.open();
  while (cursor.more()) {
    const isText = cursor.name(['text']) !== undefined && cursor.kind() === 'string';
    if (isText) text = cursor.text(most);
    else cursor.skip();
  }
  return text;
}

/**
 * What the next value is, for a schema that looks no further: a string is cut, all else is empty.
 * Does not pass over it.
 */
export function kindOf(cursor: JsonCursor): unknown {
  switch (cursor.kind()) {
    case 'string':
      return cursor.fork().text(MAX_KIND_CHARS);
    case 'list':
      return [];
    case 'object':
      return {};
    case 'null':
      return null;
    case 'boolean':
      return true;
    case 'number':
      return 0;
  }
}
