/**
 * Takes an endpoint's key out of text that is passed on, in every form in which errors quote it: as
 * it is, escaped for JSON, URLs or HTML, also several times, in hex, and in base64 at any place of
 * what was encoded. The larger part of a key counts as the key.
 */
import { hex } from './sha256.ts';

const MASK = '[key]';
/** Most rounds of decoding: JSON in JSON in a URL. */
const MAX_ROUNDS = 4;
/** Parts and encodings that are shorter stand anywhere by chance. */
const MIN_PART_CHARS = 8;
/** Shortest beginning of the key that is taken for it at the end of a text, which may be cut off. */
const MIN_TAIL_CHARS = 4;
/** Most characters that one character of the key takes in any form. */
const MAX_FORM_CHARS = 12;
/** Most characters beside an encoded key that are taken with it. */
const MAX_EDGE = 3;
/** Most keys whose forms are remembered. */
const MAX_KEYS = 100;

/** Where something is in a text: its first index, and the index after its last. */
type Place = readonly [start: number, end: number];

/** The first `most` characters of the text, with `[key]` for every form of the key. */
export function withoutKey(text: string, key: string | undefined, most = text.length): string {
  if (!key) return text.slice(0, most);
  const places = placesOf(text, key);
  const { length } = text;
  const tail = tailOf(lowered(text), formsOf(key).key);
  if (tail > 0) places.push([length - tail, length]);
  let masked = '';
  let at = 0;
  for (const [start, end] of places.sort((a, b) => a[0] - b[0])) {
    if (start >= most) break;
    if (start >= at) masked += text.slice(at, start) + MASK;
    at = Math.max(at, end);
  }
  return masked + text.slice(at, Math.max(at, most));
}

/** True where the text has the key in any form. */
export function hasKey(text: string, key: string | undefined): boolean {
  if (!key || text.length < key.length / 2) return false;
  return placesOf(text, key).length > 0;
}

/** Most characters that a form of the key takes. */
export function keyReach(key: string | undefined): number {
  return key === undefined ? 0 : key.length * MAX_FORM_CHARS;
}

interface Forms {
  /** Lower case, as all of them. */
  readonly key: string;
  /** Its larger half, of its beginning and of its end, and where in the key each is. */
  readonly parts: ReadonlyArray<{ readonly text: string; readonly at: number }>;
  /** What stands in hex and in base64 for it, wherever it is in what was encoded. */
  readonly encoded: readonly string[];
}

const remembered = new Map<string, Forms>();

function formsOf(key: string): Forms {
  const known = remembered.get(key);
  if (known) return known;
  const lower = lowered(key);
  const half = Math.max(MIN_PART_CHARS, Math.ceil(key.length / 2));
  const bytes = new TextEncoder().encode(key);
  const inBase64 = [0, 1, 2].map((before) => base64Core(bytes, before));
  const forms = {
    key: lower,
    parts: [0, Math.max(0, key.length - half)].map((at) => ({
      text: lower.slice(at, at + half),
      at,
    })),
    encoded: [hex(bytes), ...inBase64].filter((form) => form.length >= MIN_PART_CHARS),
  };
  if (remembered.size >= MAX_KEYS) remembered.clear();
  remembered.set(key, forms);
  return forms;
}

/** What base64 has for the bytes, whatever else is encoded: `before` bytes before them. */
function base64Core(bytes: Uint8Array, before: number): string {
  const padded = new Uint8Array(before + bytes.length);
  padded.set(bytes, before);
  const text = btoa(Array.from(padded, (byte) => String.fromCharCode(byte)).join(''));
  return lowered(text.slice(Math.ceil((before * 8) / 6), Math.floor((padded.length * 8) / 6)));
}

/** Where forms of the key are in the text, in no order. */
function placesOf(text: string, key: string): Place[] {
  const forms = formsOf(key);
  const places: Place[] = [];
  let traced: Traced | undefined = { text: lowered(text) };
  for (let round = 0; traced !== undefined && round <= MAX_ROUNDS; round += 1) {
    for (const [start, end] of placesIn(traced.text, forms)) {
      places.push([traced.starts?.[start] ?? start, traced.ends?.[end - 1] ?? end]);
    }
    traced = decodedOnce(traced);
  }
  return places;
}

function* placesIn(text: string, { key, parts, encoded }: Forms): Iterable<Place> {
  for (const part of parts) {
    for (const at of indexesOf(text, part.text)) {
      // The rest of the key around the part.
      const before = sameBefore(text, at, key.slice(0, part.at));
      const inKey = part.at + part.text.length;
      yield [
        at - before,
        at + part.text.length + sameAfter(text, at + part.text.length, key, inKey),
      ];
    }
  }
  // The alphabet of base64 for URLs has other signs.
  const plain = text.replaceAll('-', '+').replaceAll('_', '/');
  for (const form of encoded) {
    for (const at of indexesOf(plain, form)) {
      let [start, end] = [at, at + form.length];
      // The characters at both ends have some bits of the key.
      while (at - start < MAX_EDGE && isEncoded(plain, start - 1)) start -= 1;
      while (end - at - form.length < MAX_EDGE && isEncoded(plain, end)) end += 1;
      yield [start, end];
    }
  }
}

/** Length of the end of `of` that is in the text before `at`. */
function sameBefore(text: string, at: number, of: string): number {
  let length = 0;
  while (length < of.length && length < at && text[at - length - 1] === of.at(-length - 1)) {
    length += 1;
  }
  return length;
}

/** Length of what the text from `at` on has of the key from `inKey` on. */
function sameAfter(text: string, at: number, key: string, inKey: number): number {
  let length = 0;
  while (inKey + length < key.length && text[at + length] === key[inKey + length]) length += 1;
  return length;
}

function* indexesOf(text: string, part: string): Iterable<number> {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) yield at;
}

function isEncoded(text: string, at: number): boolean {
  return at >= 0 && at < text.length && /[a-z0-9+/=]/.test(text[at] ?? '');
}

/** Length of the end of the text with which the key begins. */
function tailOf(text: string, key: string): number {
  for (let length = Math.min(key.length, text.length); length >= MIN_TAIL_CHARS; length -= 1) {
    if (text.endsWith(key.slice(0, length))) return length;
  }
  return 0;
}

/** Text, and where each of its characters begins and ends in the original; absent: it is that. */
interface Traced {
  readonly text: string;
  readonly starts?: readonly number[];
  readonly ends?: readonly number[];
}

/** An escape of JSON, a URL or HTML. The text is in lower case. */
const ESCAPE =
  /\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|\\([^ux])|%u([0-9a-f]{4})|%([0-9a-f]{2})|&#x([0-9a-f]{1,6});|&#([0-9]{1,7});|&(amp|quot|apos|lt|gt|sol|equals|plus);/g;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
  sol: '/',
  equals: '=',
  plus: '+',
};

/** The text with its escapes decoded once; undefined where there are none. */
function decodedOnce(traced: Traced): Traced | undefined {
  const starts: number[] = [];
  const ends: number[] = [];
  let text = '';
  let at = 0;
  const push = (from: number, to: number, as: string) => {
    text += as;
    for (let i = from; i < from + as.length; i += 1) {
      const isCopy = to - from === as.length;
      const [first, last] = isCopy ? [i, i] : [from, to - 1];
      starts.push(traced.starts?.[first] ?? first);
      ends.push(traced.ends?.[last] ?? last + 1);
    }
  };
  for (const match of traced.text.matchAll(ESCAPE)) {
    const [found, json, hexed, plain, wide, byte, code, decimal, name] = match;
    const digits = json ?? hexed ?? wide ?? byte ?? code;
    const unit = digits === undefined ? Number(decimal) : Number.parseInt(digits, 16);
    const as = plain ?? NAMED[name ?? ''] ?? lowered(String.fromCharCode(unit & 0xffff));
    push(at, match.index, traced.text.slice(at, match.index));
    push(match.index, match.index + found.length, as);
    at = match.index + found.length;
  }
  if (at === 0) return undefined;
  push(at, traced.text.length, traced.text.slice(at));
  return { text, starts, ends };
}

/** In lower case as far as it is ASCII, so that the length stays. */
function lowered(text: string): string {
  return text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
}
