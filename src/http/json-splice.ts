/**
 * Sets one field of an object within JSON text that `json-scan.ts` has found valid. All other bytes
 * stay as they are: serialising a parsed object again would lose digits of numbers, repeated names
 * and the order of fields.
 */
import { ENCODER } from './encoder.ts';
import { JsonCursor } from './json-cursor.ts';
import type { Span } from './json-scan.ts';

/** Replaces the bytes of `span`, which is empty where something is only added. */
export interface Splice {
  readonly span: Span;
  readonly text: string;
}

/**
 * What gives the object at `object` the field `name`, which is ASCII, with the value `json`. Of
 * several fields with the name the last one is changed, which is the one that parsers take.
 */
export function fieldSplice(bytes: Uint8Array, object: Span, name: string, json: string): Splice {
  const cursor = new JsonCursor(bytes, object.start);
  let found: Span | undefined;
  let isEmpty = true;
  cursor.open();
  while (cursor.more()) {
    isEmpty = false;
    const isIt = cursor.name([name]) !== undefined;
    const start = cursor.at;
    cursor.skip();
    if (isIt) found = { start, end: cursor.at };
  }
  if (found) return { span: found, text: json };
  const end = object.end - 1;
  return { span: { start: end, end }, text: `${isEmpty ? '' : ','}"${name}":${json}` };
}

/** The bytes with all splices made, which do not overlap. */
export function spliced(bytes: Uint8Array, splices: readonly Splice[]): Uint8Array<ArrayBuffer> {
  const encoder = ENCODER;
  // Of those at the same place, the first one comes first.
  const inOrder = [...splices].sort((a, b) => a.span.start - b.span.start);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { span, text } of inOrder) {
    parts.push(bytes.subarray(from, span.start), encoder.encode(text));
    from = span.end;
  }
  parts.push(bytes.subarray(from));
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
