/**
 * Takes an endpoint's key out of text that is passed on, in every form in which errors quote it: as
 * it is, escaped for JSON, URLs or HTML, also several times, in hex, and in base64 at any place of
 * what was encoded. The larger part of a key counts as the key.
 */
import { ENCODER } from './encoder.ts';
import { EscapedText, lowered, MAX_FORM_CHARS } from './escaped-text.ts';
import { hex } from './sha256.ts';

const MASK = '[key]';
/** Parts and encodings that are shorter stand anywhere by chance. */
const MIN_PART_CHARS = 8;
/** Shortest beginning of the key that is taken for it at the end of a text, which may be cut off. */
const MIN_TAIL_CHARS = 4;
/** Most characters beside an encoded key that are taken with it. */
const MAX_EDGE = 3;
const BASE64 = Array.from('abcdefghijklmnopqrstuvwxyz0123456789+/-_=', (c) => c.charCodeAt(0));
/** What may be left of an escape at the end of a text that was cut off. */
const CUT_ESCAPE = /^[\\%&][\\%&#;0-9a-z]*$/;
/** Most keys whose forms are remembered. */
const MAX_KEYS = 100;

/** Where something is in a text: its first index, and the index after its last. */
type Place = readonly [start: number, end: number];

/** The first `most` characters of the text, with `[key]` for every form of the key. */
export function withoutKey(text: string, key: string | undefined, most = text.length): string {
  if (!key) return text.slice(0, most);
  const read = new EscapedText(text);
  const forms = formsOf(key);
  const tail = tailOf(read, forms.key);
  const places = [...placesIn(read, forms)];
  if (tail < text.length) places.push([tail, text.length]);
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
  for (const _place of placesIn(new EscapedText(text), formsOf(key))) return true;
  return false;
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
  const bytes = ENCODER.encode(key);
  const inBase64 = [0, 1, 2].map((before) => base64Core(bytes, before));
  // The alphabet of base64 for URLs has other signs.
  const forUrls = inBase64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'));
  const encoded = new Set([hex(bytes), ...inBase64, ...forUrls]);
  const forms = {
    key: lower,
    parts: [0, Math.max(0, key.length - half)].map((at) => ({
      text: lower.slice(at, at + half),
      at,
    })),
    encoded: [...encoded].filter((form) => form.length >= MIN_PART_CHARS),
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

/** Where forms of the key are in the text, in no order; all of it where that cannot be found out. */
function* placesIn(read: EscapedText, { key, parts, encoded }: Forms): Iterable<Place> {
  for (const { text, at } of parts) {
    const wanted = key.slice(at);
    for (const start of read.startsOf(text)) {
      const { length, ends } = read.follow(start, wanted);
      if (length < text.length) continue;
      yield [beginning(read, start, key.slice(0, at)), Math.max(...ends)];
    }
  }
  for (const form of encoded) {
    for (const start of read.startsOf(form)) {
      const { length, ends } = read.follow(start, form);
      if (length < form.length) continue;
      // The characters at both ends have some bits of the key.
      const before = edge([start], (places, char) => read.before(places, char));
      const after = edge(ends, (places, char) => read.after(places, char));
      yield [Math.min(...before), Math.max(...after)];
    }
  }
  if (read.isSpent) yield [0, read.text.length];
}

/** Where the end of `of` begins that is in the text before `start`. */
function beginning(read: EscapedText, start: number, of: string): number {
  let starts: readonly number[] = [start];
  for (let i = of.length - 1; i >= 0; i -= 1) {
    const next = read.before(starts, of.charCodeAt(i));
    if (next.length === 0) break;
    starts = next;
  }
  return Math.min(...starts);
}

/** The places beyond some characters of base64. */
function edge(
  places: readonly number[],
  step: (places: readonly number[], char: number) => readonly number[],
): readonly number[] {
  let last = places;
  for (let i = 0; i < MAX_EDGE; i += 1) {
    const next = BASE64.flatMap((char) => step(last, char));
    if (next.length === 0) break;
    last = next;
  }
  return last;
}

/** Where the end of the text begins that is a beginning of the key; its length where none is. */
function tailOf(read: EscapedText, key: string): number {
  const { length } = read.text;
  let tail = length;
  const isCut = (end: number) =>
    end === length || (end >= length - MAX_FORM_CHARS && CUT_ESCAPE.test(read.text.slice(end)));
  for (const start of read.startsOf(key.slice(0, 1), Math.max(0, length - keyReach(key)))) {
    if (start >= tail) continue;
    let ends: readonly number[] = [start];
    for (let inKey = 0; ends.length > 0 && inKey <= key.length; inKey += 1) {
      if (inKey >= MIN_TAIL_CHARS && ends.some(isCut)) tail = start;
      ends = read.after(ends, key.charCodeAt(inKey));
    }
  }
  return tail;
}
