/**
 * Finds the parts of a multipart form in its raw bytes. Nothing is copied: most of a form is a file,
 * which is used where it stands.
 */
import { ENCODER } from './encoder.ts';
import { type Outcome, wrongInput } from './errors.ts';

const CR = 13;
const LF = 10;
const DASH = 45;
/** Longest headers of one part, bytes; a part with longer ones is passed over. */
const MAX_HEADER_BYTES = 4_096;
const MAX_PARTS = 1_000;

export interface FormPart {
  /** Value of `content-disposition`. */
  readonly disposition: string;
  readonly value: Uint8Array<ArrayBuffer>;
  /** Index in the form of the delimiter before it. */
  readonly at: number;
}

/** Errors: `invalid_request_error` for what is no form, and for one of too many parts. */
export function formParts(
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Outcome<{ parts: readonly FormPart[]; boundary: string }> {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) {
    const message = 'Expected multipart/form-data with a boundary.';
    return wrongInput({ param: 'content-type', message });
  }
  const parts: FormPart[] = [];
  for (const part of partsIn(bytes, ENCODER.encode(`--${boundary}`))) {
    if (parts.length >= MAX_PARTS) {
      const message = `A form may have ${MAX_PARTS} parts at most.`;
      return wrongInput({ message });
    }
    parts.push(part);
  }
  return { ok: true, parts, boundary };
}

/** True for a field of this name that is no file. */
export function isField({ disposition }: FormPart, name: string): boolean {
  return parameter(disposition, 'name') === name && !/;\s*filename\*?=/i.test(disposition);
}

/** A parameter of a header's value, without quotes; undefined where there is none. */
export function parameter(value: string, name: string): string | undefined {
  for (const [, key = '', quoted, plain] of value.matchAll(PARAMETER)) {
    if (key.toLowerCase() === name) return quoted?.replace(/\\(.)/g, '$1') ?? plain;
  }
  return undefined;
}

const PARAMETER = /;\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g;

function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

/** Yields an empty part, too, for a delimiter without headers behind it. */
function* partsIn(bytes: Uint8Array<ArrayBuffer>, delimiter: Uint8Array): Iterable<FormPart> {
  let at = delimiterFrom(bytes, delimiter, 0);
  while (at !== undefined) {
    const start = at + delimiter.length;
    // The last delimiter is followed by two dashes.
    if (bytes[start] === DASH && bytes[start + 1] === DASH) return;
    const next = delimiterFrom(bytes, delimiter, start);
    if (next === undefined) return;
    const headerEnd = blankLine(bytes, start, Math.min(next, start + MAX_HEADER_BYTES));
    const valueStart = headerEnd === undefined ? next : headerEnd + 4;
    const header = new TextDecoder().decode(bytes.subarray(start, headerEnd ?? start));
    yield {
      at,
      disposition: /^content-disposition:(.*)$/im.exec(header)?.[1]?.trim() ?? '',
      // The line end before a delimiter is part of the delimiter.
      value: bytes.subarray(valueStart, Math.max(valueStart, next - 2)),
    };
    at = next;
  }
}

/** Index of the first delimiter at the beginning of a line, from `from` on. */
function delimiterFrom(bytes: Uint8Array, delimiter: Uint8Array, from: number): number | undefined {
  if (from === 0 && startsWith(bytes, 0, delimiter)) return 0;
  const last = bytes.length - delimiter.length;
  for (let at = Math.max(2, from); at <= last; at += 1) {
    const startsLine = bytes[at] === DASH && bytes[at - 1] === LF && bytes[at - 2] === CR;
    if (startsLine && startsWith(bytes, at, delimiter)) return at;
  }
  return undefined;
}

function startsWith(bytes: Uint8Array, at: number, beginning: Uint8Array): boolean {
  for (let i = 0; i < beginning.length; i += 1) {
    if (bytes[at + i] !== beginning[i]) return false;
  }
  return true;
}

/** Index of the first CRLF CRLF between two indices. */
function blankLine(bytes: Uint8Array, from: number, to: number): number | undefined {
  for (let i = from; i + 3 < to; i += 1) {
    if (bytes[i] === CR && bytes[i + 1] === LF && bytes[i + 2] === CR && bytes[i + 3] === LF) {
      return i;
    }
  }
  return undefined;
}
