/**
 * Reads the text of a prompt where it stands in a body: how long it is, and its beginning. Which
 * fields of a body hold prompts is known in `body-sketch.ts`.
 */
import type { JsonCursor } from '../http/json-cursor.ts';
import { FieldNames } from '../http/json-scan.ts';

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
/** Types of parts that are texts, beside `text`. */
const OTHER_TEXT_TYPES = ['input_text', 'output_text'] as const;
/** The field is absent or null. */
export const NONE = -1;

/** One thought, under the names of several servers. */
const THOUGHTS = ['reasoning_content', 'reasoning', 'thinking'] as const;
/** What the model reads as it is written: input of tools, and lists of tools. */
const AS_JSON = ['arguments', 'input', 'action', 'operation', 'tools'] as const;
/** What counts beside the object's own text. */
const BESIDE = [
  // Calls of tools: OpenAI's, of Responses, Anthropic's, and those of tools that the vendors host.
  ...(['tool_calls', 'function_call', 'function', 'custom', 'name', 'code', 'queries'] as const),
  // Their results.
  ...(['outputs', 'results', 'logs', 'stdout', 'stderr'] as const),
  // Documents, and what the model has refused to say.
  ...(['source', 'title', 'context', 'refusal'] as const),
] as const;

/**
 * The fields of messages, parts and items in which the model finds text, of all APIs. An object's own
 * text is the first of its content, text, output and summary that is not null. Pictures, sounds and
 * files in base64 have none of these names, nor has what is encrypted or only signed.
 */
export const TEXT_FIELDS = [
  ...(['content', 'text', 'output', 'summary'] as const),
  ...THOUGHTS,
  ...AS_JSON,
  ...BESIDE,
] as const;

type OtherField = Exclude<(typeof TEXT_FIELDS)[number], 'content' | 'text'>;

/** The text of an object beside its content, which most have alone. */
export class OtherText {
  output = NONE;
  summary = NONE;
  #thought = 0;
  #beside = 0;

  /** Characters of what counts beside the object's own text. */
  get chars(): number {
    return this.#beside + this.#thought;
  }

  /** Takes the value of this field of an object at `depth`. */
  take(cursor: JsonCursor, name: OtherField, depth: number): void {
    if (name === 'output') this.output = fieldChars(cursor, depth);
    else if (name === 'summary') this.summary = fieldChars(cursor, depth);
    else if (isOneOf(AS_JSON, name)) this.#beside += jsonChars(cursor);
    else {
      const chars = charsAt(cursor, depth + 1);
      if (isOneOf(THOUGHTS, name)) this.#thought = Math.max(this.#thought, chars);
      else this.#beside += chars;
    }
  }
}

/** Beside them: what a part is, and the text of a document. */
const PART_FIELDS = new FieldNames([...(['type', 'data', CACHE_MARK] as const), ...TEXT_FIELDS]);

function isOneOf(names: readonly string[], name: string): boolean {
  return names.includes(name);
}

/** Takes an object: the characters of its text. */
function objectChars(cursor: JsonCursor, depth: number): number {
  let content = NONE;
  let text = NONE;
  let other: OtherText | undefined;
  let isText = false;
  let data = 0;
  cursor.open();
  while (cursor.more()) {
    const name = cursor.nameIn(PART_FIELDS);
    if (name === undefined) cursor.skip();
    else if (name === CACHE_MARK) cursor.ignore();
    else if (name === 'type') isText = takeType(cursor);
    // Of a document; of a picture it is in base64.
    else if (name === 'data') data = charsAt(cursor, depth + 1);
    else if (name === 'content') content = fieldChars(cursor, depth);
    else if (name === 'text') text = fieldChars(cursor, depth);
    else {
      other ??= new OtherText();
      other.take(cursor, name, depth);
    }
  }
  return charsOf(content, text, other) + (isText ? data : 0);
}

/**
 * Takes the type of a part, which is in no digest where the same prompt may be sent without it: a text
 * may also be written as a string. (So is the mark of what is to be cached, which moves on with each
 * call.) Returns true for that of a plain text.
 */
function takeType(cursor: JsonCursor): boolean {
  const isText = cursor.is('text');
  if (isText || OTHER_TEXT_TYPES.some((type) => cursor.is(type))) cursor.ignore();
  else cursor.skip();
  return isText;
}

/** Takes a value that the model reads as JSON, or a text. */
function jsonChars(cursor: JsonCursor): number {
  if (cursor.kind() === 'string') return cursor.chars();
  const start = cursor.at;
  const isNull = cursor.kind() === 'null';
  cursor.skip();
  return isNull ? 0 : cursor.at - start;
}

/** The characters of an object with these texts, in the order in which they count. */
export function charsOf(content: number, text: number, other: OtherText | undefined): number {
  let own = content === NONE ? text : content;
  if (other === undefined) return own === NONE ? 0 : own;
  if (own === NONE) own = other.output === NONE ? other.summary : other.output;
  return (own === NONE ? 0 : own) + other.chars;
}

/** Takes the value of a text field of an object at `depth`. */
export function fieldChars(cursor: JsonCursor, depth: number): number {
  const isNull = cursor.kind() === 'null';
  const chars = charsAt(cursor, depth + 1);
  return isNull ? NONE : chars;
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
