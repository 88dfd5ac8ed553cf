/**
 * Checks a whole JSON text in one pass over its bytes and finds the fields that are asked for. It
 * builds no values and does not recurse, so that time is linear in the length of the text and memory
 * does not depend on what is in it, unlike `JSON.parse`. The fields are read by `json-cursor.ts`.
 */
import { type Outcome, wrongInput } from './errors.ts';
import {
  BAD_SYNTAX,
  BAD_UTF8,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  checkNumber,
  checkString,
  firstUnit,
  isName,
  OPEN_LIST,
  OPEN_OBJECT,
  pastSpace,
  QUOTE,
  utf8Length,
} from './json-text.ts';

/** Where a value is in the text: index of its first byte, and the index after its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface ScannedJson {
  /** The whole value. */
  readonly root: Span;
  /** The fields of the root, where it is an object; of fields with the same name the last. */
  readonly fields: ReadonlyMap<string, Span>;
}

/** Names of fields, by their first character. */
export class FieldNames<Name extends string = string> {
  /** By the code of their first character. */
  readonly #byFirst: (readonly Name[] | undefined)[] = Array.from({ length: 128 });

  /** The names are ASCII and not empty. */
  constructor(names: Iterable<Name>) {
    for (const name of names) {
      const first = name.charCodeAt(0);
      this.#byFirst[first] = [...(this.#byFirst[first] ?? []), name];
    }
  }

  /** The name that is written at `at`, undefined where it is none of these. */
  at(bytes: Uint8Array, at: number): Name | undefined {
    const candidates = this.#byFirst[firstUnit(bytes, at)];
    if (candidates === undefined) return undefined;
    for (const name of candidates) if (isName(bytes, at, name)) return name;
    return undefined;
  }
}

/** Results beside those of `json-text.ts`: the text has more than is allowed. */
const TOO_DEEP = -3;
const TOO_MANY = -4;
const NO_NAMES: FieldNames = new FieldNames([]);

/** Bounds of a text that is read as JSON. */
export interface JsonBounds {
  /** Most levels of lists and objects within each other. */
  readonly depth: number;
  /** Most lists and objects. */
  readonly parts: number;
}

/** The bounds where no tenant has set any. */
export const USUAL_BOUNDS: JsonBounds = { depth: 500, parts: 250_000 };

/** `names`: the fields of the root to find. Errors: `invalid_request_error`. */
export function scanJson(
  bytes: Uint8Array,
  bounds: JsonBounds,
  names = NO_NAMES,
): Outcome<{ json: ScannedJson }> {
  const scan = new Scan(bytes, bounds, names);
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const start = pastSpace(bytes, hasMark ? 3 : 0);
  const end = scan.pastValue(start);
  if (end >= 0 && pastSpace(bytes, end) >= bytes.length) {
    return { ok: true, json: { root: { start, end }, fields: scan.found } };
  }
  return wrongInput({
    message: messageOf(end, bounds),
    // Where a text is no JSON, nothing in it is known.
    ...(scan.field === undefined || end > TOO_DEEP ? {} : { param: scan.field }),
  });
}

function messageOf(wrong: number, { depth, parts }: JsonBounds): string {
  switch (wrong) {
    case TOO_DEEP:
      return `The body is nested too deeply: it may have ${depth} levels.`;
    case TOO_MANY:
      return `The body has too many lists and objects: it may have ${parts}.`;
    case BAD_UTF8:
      return 'The body is not valid UTF-8.';
    default:
      return 'The body is not valid JSON.';
  }
}

class Scan {
  readonly found = new Map<string, Span>();
  /** The wanted field of the root that the scan is in. */
  field: string | undefined;
  readonly #bytes: Uint8Array;
  readonly #bounds: JsonBounds;
  readonly #names: FieldNames;
  /** What closes each of the lists and objects that are open. */
  readonly #closings: Uint8Array;
  #depth = 0;
  #parts = 0;
  #fieldStart = 0;

  constructor(bytes: Uint8Array, bounds: JsonBounds, names: FieldNames) {
    this.#bytes = bytes;
    this.#bounds = bounds;
    this.#names = names;
    this.#closings = new Uint8Array(bounds.depth);
  }

  /** Index after the value at `start`, or what is wrong with it. */
  pastValue(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    do {
      const byte = bytes[at];
      if (byte === QUOTE) {
        const end = checkString(bytes, at);
        // Lists of millions of short strings: what follows most of them is the next one.
        at =
          bytes[end] === COMMA && bytes[end + 1] === QUOTE && this.#inList
            ? end + 1
            : this.#ended(end);
        continue;
      }
      const isOpening = byte === OPEN_OBJECT || byte === OPEN_LIST;
      at = isOpening ? this.#opened(at, byte) : this.#ended(scanScalar(bytes, at));
    } while (this.#depth > 0 && at >= 0);
    return at;
  }

  /** True where the value that is next is an item of a list. */
  get #inList(): boolean {
    return this.#closings[this.#depth - 1] === CLOSE_LIST;
  }

  /** A list or object begins at `at`. Index of the value that comes next. */
  #opened(at: number, opening: number): number {
    if (this.#depth >= this.#bounds.depth) return TOO_DEEP;
    this.#parts += 1;
    if (this.#parts > this.#bounds.parts) return TOO_MANY;
    const closing = opening === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST;
    this.#closings[this.#depth] = closing;
    this.#depth += 1;
    const next = pastSpace(this.#bytes, at + 1);
    if (this.#bytes[next] === closing) return this.#ended(next);
    return opening === OPEN_OBJECT ? this.#pastName(next) : next;
  }

  /** A value ended before `end`, or a list or object is empty. Index of the value that comes next. */
  #ended(end: number): number {
    if (end < 0) return end;
    const bytes = this.#bytes;
    let at = end;
    for (;;) {
      if (this.#depth === 0) return at;
      if (this.#depth === 1 && this.field !== undefined) {
        this.found.set(this.field, { start: this.#fieldStart, end: at });
      }
      at = pastSpace(bytes, at);
      if (bytes[at] !== this.#closings[this.#depth - 1]) break;
      this.#depth -= 1;
      at += 1;
    }
    if (bytes[at] !== COMMA) return notText(bytes, at);
    at = pastSpace(bytes, at + 1);
    return this.#closings[this.#depth - 1] === CLOSE_OBJECT ? this.#pastName(at) : at;
  }

  /** Index of the value after the name at `at` and its colon. */
  #pastName(at: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== QUOTE) return notText(bytes, at);
    const end = checkString(bytes, at);
    if (end < 0) return end;
    const colon = pastSpace(bytes, end);
    if (bytes[colon] !== COLON) return notText(bytes, colon);
    const value = pastSpace(bytes, colon + 1);
    if (this.#depth === 1) {
      this.field = this.#names.at(bytes, at);
      this.#fieldStart = value;
    }
    return value;
  }
}

function scanScalar(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return checkString(bytes, at);
    case 0x74:
      return scanLiteral(bytes, at, 'true');
    case 0x66:
      return scanLiteral(bytes, at, 'false');
    case 0x6e:
      return scanLiteral(bytes, at, 'null');
    default: {
      const end = checkNumber(bytes, at);
      return end < 0 ? notText(bytes, at) : end;
    }
  }
}

function scanLiteral(bytes: Uint8Array, at: number, literal: string): number {
  for (let i = 1; i < literal.length; i += 1) {
    if (bytes[at + i] !== literal.charCodeAt(i)) return notText(bytes, at + i);
  }
  return at + literal.length;
}

/** What is wrong with a byte that belongs to no JSON. */
function notText(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  return byte !== undefined && byte >= 0x80 && utf8Length(bytes, at) === 0 ? BAD_UTF8 : BAD_SYNTAX;
}
