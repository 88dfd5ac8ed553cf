/**
 * The configuration as the text that is edited: where in it a field stands, and what a text that is
 * no JSON lacks. Paths are read as the service writes them, `backends.llm.endpoints[0].url`.
 */
import {
  findNodeAtLocation,
  getLocation,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';

export type Config = Readonly<Record<string, unknown>>;

/** A part of the text, UTF-16 units from its beginning. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

export interface FieldProblem {
  /** The path of the field; '' for the whole. */
  readonly path: string;
  readonly message: string;
  /** Null where the text has no such field. */
  readonly place: Place | null;
}

export type ReadText =
  | { readonly ok: true; readonly config: Config; readonly root: Node }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

const STRICT = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };
const MOST = 20;

const SYNTAX: Readonly<Record<string, string>> = {
  PropertyNameExpected: 'a field name in double quotes is expected',
  ValueExpected: 'a value is expected',
  ColonExpected: 'a colon is expected',
  CommaExpected: 'a comma is expected',
  CloseBraceExpected: 'a closing } is expected',
  CloseBracketExpected: 'a closing ] is expected',
  EndOfFileExpected: 'nothing is expected after the end',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfString: 'the text has no closing quote',
  InvalidNumberFormat: 'this is not a number of JSON',
};

export function textOf(config: Config): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Also a field that stands twice is a problem: of two, JSON would drop one without a word. */
export function readText(text: string): ReadText {
  const errors: ParseError[] = [];
  let root: Node | undefined;
  let twice: FieldProblem[];
  try {
    root = parseTree(text, errors, STRICT);
    twice = root ? doubles(root, '') : [];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { ok: false, problems: [whole('it is nested too deeply')] };
  }
  if (errors.length > 0 || !root) {
    const problems = errors.slice(0, MOST).map(({ error, offset, length }) => ({
      path: '',
      message: SYNTAX[printParseErrorCode(error)] ?? 'this is not JSON',
      place: { offset, length },
    }));
    return { ok: false, problems: problems.length > 0 ? problems : [whole('it is empty')] };
  }
  if (root.type !== 'object') return { ok: false, problems: [whole('expected an object, {…}')] };
  if (twice.length > 0) return { ok: false, problems: twice.slice(0, MOST) };
  return { ok: true, config: JSON.parse(text) as Config, root };
}

/** The field that a path of parts leads to, or the nearest that is there and holds it. */
export function placeOfParts(root: Node, parts: JSONPath): Place {
  for (let length = parts.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, parts.slice(0, length));
    if (node) return placeOf(node);
  }
  return { offset: root.offset, length: 1 };
}

/** The same for a path as text. Names may have dots: the longest name that is there is taken. */
export function placeOfPath(root: Node, path: string): Place {
  let node = root;
  let rest = path;
  while (rest !== '') {
    const step = node.type === 'array' ? itemAt(node, rest) : propertyAt(node, rest);
    if (!step) break;
    node = step.node;
    rest = step.rest.replace(/^\./, '');
  }
  return node === root ? { offset: root.offset, length: 1 } : placeOf(node);
}

/** The parts of the path of the field in which an offset of the text is. */
export function partsAt(text: string, offset: number): JSONPath {
  try {
    return getLocation(text, offset).path.filter((part) => part !== '');
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/** In the notation of the service. */
export function pathOf(parts: JSONPath): string {
  return parts.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** Line and column of an offset, from 1. */
export function lineOf(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < offset; end = text.indexOf('\n', start)) {
    line += 1;
    start = end + 1;
  }
  return { line, column: offset - start + 1 };
}

function whole(message: string): FieldProblem {
  return { path: '', message, place: { offset: 0, length: 0 } };
}

/** A plain value itself; of a list or an object its name, since it may be long. */
function placeOf(node: Node): Place {
  const isPlain = node.type !== 'object' && node.type !== 'array';
  const name = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
  if (isPlain || !name) return { offset: node.offset, length: isPlain ? node.length : 1 };
  return { offset: name.offset, length: name.length };
}

interface Step {
  readonly node: Node;
  readonly rest: string;
}

function itemAt(node: Node, path: string): Step | undefined {
  const match = /^\[(\d+)\]/.exec(path);
  const item = node.children?.[Number(match?.[1])];
  return match && item ? { node: item, rest: path.slice(match[0].length) } : undefined;
}

function propertyAt(node: Node, path: string): Step | undefined {
  if (node.type !== 'object') return undefined;
  let found: Step | undefined;
  let longest = -1;
  for (const { children: [key, value] = [] } of node.children ?? []) {
    const name = String(key?.value);
    const next = path[name.length];
    const fits = path.startsWith(name) && (next === undefined || next === '.' || next === '[');
    if (!fits || !value || name.length <= longest) continue;
    longest = name.length;
    found = { node: value, rest: path.slice(name.length) };
  }
  return found;
}

function doubles(node: Node, path: string): FieldProblem[] {
  if (node.type === 'array') {
    return (node.children ?? []).flatMap((item, i) => doubles(item, `${path}[${i}]`));
  }
  if (node.type !== 'object') return [];
  const seen = new Set<string>();
  return (node.children ?? []).flatMap(({ children: [key, value] = [] }) => {
    const name = String(key?.value);
    const at = path === '' ? name : `${path}.${name}`;
    const inner = value ? doubles(value, at) : [];
    if (!seen.has(name)) {
      seen.add(name);
      return inner;
    }
    const place = key ? { offset: key.offset, length: key.length } : null;
    return [{ path: at, message: 'this field stands twice', place }, ...inner];
  });
}
