/**
 * Walks through JSON text that `json-scan.ts` has found valid, and takes out of it only what is
 * asked for: what is passed over costs time but no memory. Lists and objects are walked through by
 * `open()` and `more()`.
 */
import type { FieldNames } from './json-scan.ts';
import {
  BACKSLASH,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COMMA,
  isName,
  OPEN_LIST,
  OPEN_OBJECT,
  pastCharacter,
  pastSpace,
  pastString,
  pastText,
  QUOTE,
  SMALL_U,
} from './json-text.ts';
import type { RunningDigest } from './running-digest.ts';

const DECODER = new TextDecoder();

export type JsonKind = 'object' | 'list' | 'string' | 'number' | 'boolean' | 'null';

export class JsonCursor {
  readonly #bytes: Uint8Array;
  readonly #digest: RunningDigest | undefined;
  /** Index of the next value's first byte; behind the value once it was taken. */
  at: number;

  /**
   * `at`: index of the first byte of a value. To `digest` is added what is counted or skipped, but not
   * the names of fields.
   */
  constructor(bytes: Uint8Array, at: number, digest?: RunningDigest) {
    this.#bytes = bytes;
    this.#digest = digest;
    this.at = at;
  }

  /** Another cursor in the same text, at `at`. */
  fork(at = this.at, digest?: RunningDigest): JsonCursor {
    return new JsonCursor(this.#bytes, at, digest);
  }

  /** Kind of the next value. */
  kind(): JsonKind {
    switch (this.#bytes[this.at]) {
      case QUOTE:
        return 'string';
      case OPEN_OBJECT:
        return 'object';
      case OPEN_LIST:
        return 'list';
      case 0x6e:
        return 'null';
      case 0x74:
      case 0x66:
        return 'boolean';
      default:
        return 'number';
    }
  }

  /** Goes into the list or object that is next. */
  open(): void {
    this.at += 1;
  }

  /** Goes to the next item or name; false where there is none: then behind the list or object. */
  more(): boolean {
    const bytes = this.#bytes;
    let at = pastSpace(bytes, this.at);
    if (bytes[at] === COMMA) at = pastSpace(bytes, at + 1);
    const byte = bytes[at];
    const isEnd = byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte === undefined;
    this.at = isEnd ? at + 1 : at;
    return !isEnd;
  }

  /** Takes the name of a field: which of `names` it is, undefined where it is none of them. */
  name<Name extends string>(names: readonly Name[]): Name | undefined {
    const bytes = this.#bytes;
    const start = this.at;
    // Behind the name is a colon.
    this.at = pastSpace(bytes, pastSpace(bytes, pastString(bytes, start)) + 1);
    for (const name of names) if (isName(bytes, start, name)) return name;
    return undefined;
  }

  /** The same for many names. */
  nameIn<Name extends string>(names: FieldNames<Name>): Name | undefined {
    const bytes = this.#bytes;
    const start = this.at;
    this.at = pastSpace(bytes, pastSpace(bytes, pastString(bytes, start)) + 1);
    return names.at(bytes, start);
  }

  /** Passes over the next value. */
  skip(): void {
    const start = this.at;
    this.ignore();
    this.#digest?.add(this.#bytes, start, this.at);
  }

  /** Passes over the next value, which is not added to the digest. */
  ignore(): void {
    const bytes = this.#bytes;
    let at = this.at;
    let depth = 0;
    do {
      const byte = bytes[at];
      if (byte === QUOTE) at = pastString(bytes, at);
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        depth += 1;
        at += 1;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        depth -= 1;
        at += 1;
      } else if (byte === undefined) break;
      else at = depth > 0 ? pastPlain(bytes, at) : pastScalar(bytes, at);
    } while (depth > 0);
    this.at = at;
  }

  /** Within a list: passes over items until there is one with text in it, or none. */
  skipPlain(): void {
    const start = this.at;
    this.at = pastPlain(this.#bytes, start);
    this.#digest?.add(this.#bytes, start, this.at);
  }

  /** True where the next value is this string. Does not pass over it. */
  is(text: string): boolean {
    return this.#bytes[this.at] === QUOTE && isName(this.#bytes, this.at, text);
  }

  /** Takes a string: its length in UTF-16 code units, as `length` of a JavaScript string. */
  chars(): number {
    const bytes = this.#bytes;
    const start = this.at;
    let i = start + 1;
    let count = 0;
    for (;;) {
      const next = pastText(bytes, i);
      count += next - i;
      i = next;
      const byte = bytes[i];
      if (byte === undefined || byte === QUOTE) break;
      if (byte === BACKSLASH) i += bytes[i + 1] === SMALL_U ? 6 : 2;
      else i += 1;
      // The bytes that follow the first of a character do not count; four bytes are a pair.
      if (byte < 0x80 || byte >= 0xc0) count += byte >= 0xf0 ? 2 : 1;
    }
    this.at = i + 1;
    this.#digest?.add(bytes, start, this.at);
    return count;
  }

  /** Takes a string: its first `most` characters. */
  text(most: number): string {
    const bytes = this.#bytes;
    const start = this.at;
    let i = start + 1;
    for (let count = 0; count < most && bytes[i] !== QUOTE; count += 1) i = pastCharacter(bytes, i);
    this.at = pastString(bytes, i - 1);
    const json = DECODER.decode(bytes.subarray(start, i));
    return (JSON.parse(`${json}"`) as string).slice(0, most);
  }

  /** Takes any value and parses it. Only for values whose length is bounded. */
  parse(): unknown {
    const start = this.at;
    this.skip();
    return JSON.parse(DECODER.decode(this.#bytes.subarray(start, this.at)));
  }
}

/** Index of the first byte from `at` on that begins a string or begins or ends a list or object. */
function pastPlain(bytes: Uint8Array, at: number): number {
  let i = at;
  for (; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    if (byte === QUOTE || byte === OPEN_LIST || byte === CLOSE_LIST) break;
    if (byte === OPEN_OBJECT || byte === CLOSE_OBJECT) break;
  }
  return i;
}

/** Index after the number or literal at `at`. */
function pastScalar(bytes: Uint8Array, at: number): number {
  let i = at;
  for (; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    if (byte <= 0x20 || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT) break;
  }
  return i;
}
