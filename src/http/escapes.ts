/**
 * Finds what may be escapes for JSON, URLs or HTML in a text, each in another way and nested: which
 * characters may begin at a place, and where each ends. The text is not decoded as a whole, because
 * what looks like an escape may also stand for itself. The search in it is in `escaped-text.ts`.
 */
import { asciiNames } from './html-names.ts';

/** Most escapes within each other: JSON in JSON in a URL. */
const MAX_DEPTH = 4;
/** Most escapes that one place may begin. */
export const MAX_READINGS = 24;
/** Most ways to read the digits or the name in one escape. */
const MAX_SPELLINGS = 4;

/** A reading is packed into a number: one object for each would take too much memory. */
const LENGTH_BITS = 10;
const DEPTH_BITS = 3;
export const codeOf = (reading: number) => reading >> (LENGTH_BITS + DEPTH_BITS);
const depthOf = (reading: number) => (reading >> LENGTH_BITS) & ((1 << DEPTH_BITS) - 1);
export const lengthOf = (reading: number) => reading & ((1 << LENGTH_BITS) - 1);
const packed = (code: number, depth: number, length: number) =>
  (((code << DEPTH_BITS) | depth) << LENGTH_BITS) | length;

const code = (char: string) => char.charCodeAt(0);
const [BACKSLASH, PERCENT, AND] = [code('\\'), code('%'), code('&')];
const [HASH, SEMICOLON, U, X] = [code('#'), code(';'), code('u'), code('x')];

/** Escapes by the place at which they begin: each is a packed reading, the first ones the least deep. */
export type Escapes = ReadonlyMap<number, readonly number[]>;

/** All escapes in a text in lower case. */
export function escapesOf(text: string): Escapes {
  return new EscapeReader(text).escapes;
}

/** The beginning of an escape that was read up to `end`. */
interface Begun {
  readonly end: number;
  readonly depth: number;
  /** What its digits are so far. */
  readonly value: number;
}

/** An entity whose name was read so far. */
interface Named {
  readonly name: string;
  readonly last: Begun;
}

class EscapeReader {
  readonly escapes = new Map<number, readonly number[]>();
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    const places = Array.from(text.matchAll(/[\\%&]/g), ({ index }) => index);
    // An escape consists of what is after it, which is therefore read before it.
    for (const at of places.reverse()) {
      const readings = this.#readEscapes(at);
      if (readings.length > 0) this.escapes.set(at, readings);
    }
  }

  *#readingsAt(at: number): Iterable<number> {
    if (at >= this.#text.length) return;
    yield packed(this.#text.charCodeAt(at), 0, 1);
    yield* this.escapes.get(at) ?? [];
  }

  /** What may begin at the place apart from the character there. */
  #readEscapes(at: number): readonly number[] {
    const readings = [packed(this.#text.charCodeAt(at), 0, 1)];
    const found = (as: number, { end, depth }: Begun) => {
      const length = end - at;
      if (depth >= MAX_DEPTH || length >= 1 << LENGTH_BITS || as < 0x20 || as > 0xffff) return;
      const lower = as >= 0x41 && as <= 0x5a ? as + 0x20 : as;
      const reading = packed(lower, depth + 1, length);
      const isKnown = readings.some((r) => codeOf(r) === lower && lengthOf(r) === length);
      if (!isKnown && readings.length <= MAX_READINGS) readings.push(reading);
    };
    // Also escapes whose first character is escaped, which are found on the way.
    for (const reading of readings) {
      if (depthOf(reading) >= MAX_DEPTH) continue;
      const begun = { end: at + lengthOf(reading), depth: depthOf(reading), value: 0 };
      const first = codeOf(reading);
      if (first === BACKSLASH) this.#readBackslash(begun, found);
      else if (first === PERCENT) this.#readPercent(begun, found);
      else if (first === AND) this.#readEntity(begun, found);
    }
    return readings.slice(1);
  }

  #readBackslash(begun: Begun, found: (as: number, begun: Begun) => void): void {
    for (const reading of this.#readingsAt(begun.end)) {
      if (depthOf(reading) >= MAX_DEPTH) continue;
      const first = codeOf(reading);
      const next = further(begun, reading, 0);
      if (first === U) for (const all of this.#digits(next, 16, 4)) found(all.value, all);
      else if (first === X) for (const all of this.#digits(next, 16, 2)) found(all.value, all);
      else found(first, next);
    }
  }

  #readPercent(begun: Begun, found: (as: number, begun: Begun) => void): void {
    for (const all of this.#digits(begun, 16, 2)) found(all.value, all);
    for (const next of this.#signs(begun, U)) {
      for (const all of this.#digits(next, 16, 4)) found(all.value, all);
    }
  }

  #readEntity(begun: Begun, found: (as: number, begun: Begun) => void): void {
    for (const next of this.#signs(begun, HASH)) {
      this.#readNumber(next, 10, 7, found);
      for (const hex of this.#signs(next, X)) this.#readNumber(hex, 16, 6, found);
    }
    let names: Named[] = [{ name: '', last: begun }];
    while (names.length > 0) {
      for (const { name, last } of names) this.#readName(name, last, found);
      names = names.flatMap((named) => this.#longerNames(named)).slice(0, MAX_SPELLINGS);
    }
  }

  #readName(name: string, last: Begun, found: (as: number, begun: Begun) => void): void {
    const { char, needsEnd = true } = asciiNames.get(name) ?? {};
    if (char === undefined) return;
    for (const all of this.#signs(last, SEMICOLON)) found(code(char), all);
    if (!needsEnd) found(code(char), last);
  }

  #longerNames({ name, last }: Named): Named[] {
    const longer: Named[] = [];
    for (const reading of this.#readingsAt(last.end)) {
      const more = name + String.fromCharCode(codeOf(reading));
      if (asciiNames.has(more)) longer.push({ name: more, last: further(last, reading, 0) });
    }
    return longer;
  }

  /** The number of an entity, which also ends where its digits do. */
  #readNumber(
    begun: Begun,
    radix: number,
    most: number,
    found: (as: number, begun: Begun) => void,
  ): void {
    let last: Begun[] = [begun];
    for (let count = 1; count <= most && last.length > 0; count += 1) {
      const next = this.#digit(last, radix);
      if (next.length === 0 && count > 1) for (const all of last) found(all.value, all);
      for (const all of next) {
        for (const ended of this.#signs(all, SEMICOLON)) found(all.value, ended);
      }
      last = next;
    }
    for (const all of last) found(all.value, all);
  }

  #digits(begun: Begun, radix: number, count: number): Begun[] {
    let all = [begun];
    for (let i = 0; i < count; i += 1) all = this.#digit(all, radix);
    return all;
  }

  #digit(all: readonly Begun[], radix: number): Begun[] {
    const next: Begun[] = [];
    for (const begun of all) {
      for (const reading of this.#readingsAt(begun.end)) {
        const digit = digitOf(codeOf(reading), radix);
        if (digit < 0 || next.length >= MAX_SPELLINGS) continue;
        next.push(further(begun, reading, begun.value * radix + digit));
      }
    }
    return next;
  }

  *#signs(begun: Begun, sign: number): Iterable<Begun> {
    for (const reading of this.#readingsAt(begun.end)) {
      if (codeOf(reading) === sign) yield further(begun, reading, 0);
    }
  }
}

function further(begun: Begun, reading: number, value: number): Begun {
  const depth = Math.max(begun.depth, depthOf(reading));
  return { end: begun.end + lengthOf(reading), depth, value };
}

function digitOf(char: number, radix: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  return radix === 16 && char >= 0x61 && char <= 0x66 ? char - 0x57 : -1;
}
