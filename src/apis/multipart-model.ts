/**
 * Finds the `model` field of a multipart form in its raw bytes. The form is neither decoded nor
 * copied, since most of it is a recording or a picture, and is forwarded unchanged. Uploads of
 * files for batches are decoded in `jobs/file-upload.ts`.
 */
import { failure, type Outcome } from '../http/errors.ts';
import { modelName } from './model-apis.ts';

const CR = 13;
const LF = 10;
const DASH = 45;
/** Limits of a part's headers and of the `model` value, bytes: both are short in valid forms. */
const MAX_PART_HEADER_BYTES = 4_096;
const MAX_MODEL_BYTES = 1_024;

/** Refuses a body that is not a form, and a form without exactly one valid `model`. */
export function multipartModel(bytes: Uint8Array, contentType: string): Outcome<{ model: string }> {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) {
    const message = 'Expected multipart/form-data with a boundary.';
    return failure('invalid_request_error', { param: 'content-type', message });
  }
  const values: string[] = [];
  for (const { header, value } of partsOf(bytes, boundary)) {
    if (!isModelField(header)) continue;
    if (value.length > MAX_MODEL_BYTES) return wrongModel('is too long');
    values.push(new TextDecoder().decode(value));
  }
  const [model] = values;
  if (model === undefined) return wrongModel('is missing');
  if (values.length > 1) return wrongModel('stands there more than once');
  return modelName.safeParse(model).success ? { ok: true, model } : wrongModel('is no name');
}

function wrongModel(why: string): Outcome<{ model: string }> {
  const message = `Field "model" of the form ${why}.`;
  return failure('invalid_request_error', { param: 'model', message });
}

function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

function isModelField(header: string): boolean {
  const disposition = /^content-disposition:(.*)$/im.exec(header)?.[1] ?? '';
  if (/;\s*filename\*?=/i.test(disposition)) return false;
  return /;\s*name=(?:"model"|model)\s*(?:;|$)/i.test(disposition.trim());
}

interface Part {
  readonly header: string;
  readonly value: Uint8Array;
}

function* partsOf(bytes: Uint8Array, boundary: string): Iterable<Part> {
  const delimiter = new TextEncoder().encode(`--${boundary}`);
  let at = delimiterFrom(bytes, delimiter, 0);
  while (at !== undefined) {
    const start = at + delimiter.length;
    // The last delimiter is followed by two dashes.
    if (bytes[start] === DASH && bytes[start + 1] === DASH) return;
    const next = delimiterFrom(bytes, delimiter, start);
    if (next === undefined) return;
    const headerEnd = blankLine(bytes, start, Math.min(next, start + MAX_PART_HEADER_BYTES));
    if (headerEnd !== undefined) {
      const header = new TextDecoder().decode(bytes.subarray(start, headerEnd));
      // The line end before a delimiter is part of the delimiter.
      yield { header, value: bytes.subarray(headerEnd + 4, Math.max(headerEnd + 4, next - 2)) };
    }
    at = next;
  }
}

/** Index of the first delimiter at the beginning of a line, from `from` on. */
function delimiterFrom(bytes: Uint8Array, delimiter: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(DASH, from); at >= 0; at = bytes.indexOf(DASH, at + 1)) {
    const startsLine = at === 0 || (bytes[at - 1] === LF && bytes[at - 2] === CR);
    if (startsLine && delimiter.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return undefined;
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
