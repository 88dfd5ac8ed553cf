/** Reads the names of the tools in a body, in the form of any API. */
import type { JsonCursor } from '../http/json-cursor.ts';
import { isPlain, kindOf } from './prompt-text.ts';

/** Most tools that are read, and most characters of their names. */
const MAX_TOOLS = 1_000;
const MAX_NAME_CHARS = 256;

/** Takes the tools: the name of each. */
export function toolsAt(cursor: JsonCursor): unknown {
  if (cursor.kind() !== 'list') return kindOf(cursor);
  const tools: unknown[] = [];
  cursor.open();
  while (tools.length < MAX_TOOLS && cursor.more()) {
    if (cursor.kind() === 'object') tools.push({ name: toolName(cursor) });
    else if (isPlain(cursor)) cursor.skipPlain();
    else cursor.skip();
  }
  return tools;
}

/** Takes a tool: its name, in any API's form. */
function toolName(cursor: JsonCursor): string {
  const names: {
    function?: string | undefined;
    name?: string | undefined;
    type?: string | undefined;
  } = {};
  cursor.open();
  while (cursor.more()) {
    const field = cursor.name(['function', 'name', 'type']);
    if (field === undefined) cursor.skip();
    else if (field === 'function') names.function = nameIn(cursor);
    else names[field] = nameAt(cursor);
  }
  return names.function ?? names.name ?? names.type ?? '';
}

/** Takes a value: the field `name` of an object, empty where it has none; undefined for another. */
function nameIn(cursor: JsonCursor): string | undefined {
  if (cursor.kind() !== 'object') {
    cursor.skip();
    return undefined;
  }
  let name = '';
  cursor.open();
  while (cursor.more()) {
    if (cursor.name(['name']) === undefined) cursor.skip();
    else name = nameAt(cursor) ?? '';
  }
  return name;
}

/** Takes a value: a string is cut, null is undefined, and all else is empty. */
function nameAt(cursor: JsonCursor): string | undefined {
  const kind = cursor.kind();
  if (kind === 'string') return cursor.text(MAX_NAME_CHARS);
  cursor.skip();
  return kind === 'null' ? undefined : '';
}
