/** A field of an object in a text is set, and every other byte of the text stays as it was. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldNames, scanJson, USUAL_BOUNDS } from '../../../src/http/json-scan.ts';
import { fieldSplice, spliced } from '../../../src/http/json-splice.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The text with the field `usage` of the object that is its field `o`. */
function withUsage(text: string, json: string): { text: string; at: number; length: number } {
  const bytes = bytesOf(text);
  const scanned = scanJson(bytes, USUAL_BOUNDS, new FieldNames(['o']));
  if (!scanned.ok) throw new Error(scanned.error.message);
  const object = scanned.json.fields.get('o');
  if (!object) throw new Error('no object');
  const splice = fieldSplice(bytes, object, 'usage', json);
  const { start, end } = splice.span;
  return {
    text: new TextDecoder().decode(spliced(bytes, [splice])),
    at: new TextDecoder().decode(bytes.subarray(0, start)).length,
    length: new TextDecoder().decode(bytes.subarray(start, end)).length,
  };
}

describe('a field of an object', () => {
  it.each([
    ['{"o":{}}', '{"o":{"usage":true}}'],
    ['{"o": { }}', '{"o": { "usage":true}}'],
    ['{"o":{"a":1e400}}', '{"o":{"a":1e400,"usage":true}}'],
    ['{"o":{"usage":false}}', '{"o":{"usage":true}}'],
    ['{"o":{"usage" : false , "b":[{"usage":0}]}}', '{"o":{"usage" : true , "b":[{"usage":0}]}}'],
    ['{"o":{"usage":0,"usage":1}}', '{"o":{"usage":0,"usage":true}}'],
    ['{"o":{"\\u0075sage":null}}', '{"o":{"\\u0075sage":true}}'],
    ['{"o":{"a":"usage","b":{"usage":{}}}}', '{"o":{"a":"usage","b":{"usage":{}},"usage":true}}'],
  ])('of %s is set', (text, wanted) => {
    expect(withUsage(text, 'true').text).toBe(wanted);
  });

  it('is all that changes, whatever else is there', () => {
    const space = fc.constantFrom('', ' ', '\n', '\t ');
    // Numbers and names that do not survive being parsed and written again.
    const value = fc.oneof(
      fc.json({ maxDepth: 3 }),
      fc.constantFrom(
        '1e400',
        '12345678901234567890',
        '-0',
        '1.0',
        '"\\u0041\\/é"',
        '{"a":1,"a":2}',
      ),
    );
    const name = fc.oneof(fc.constantFrom('usage', '__proto__', 'a', 'é'), fc.string());
    const object = fc
      .tuple(space, fc.array(fc.tuple(name, space, value, space), { maxLength: 6 }))
      .map(([blank, fields]) => {
        const parts = fields.map(([n, b, v, c]) => `${b}${JSON.stringify(n)}${c}:${b}${v}${c}`);
        return `{${blank}${parts.join(',')}${blank}}`;
      });
    const text = fc
      .tuple(object, space, value, value)
      .map(([o, s, v, w]) => `{"x":${v},"o":${s}${o}${s},"y":${w}}`.toWellFormed());
    fc.assert(
      fc.property(text, fc.constantFrom('true', '17', '"é"'), (before, json) => {
        const { text: after, at, length } = withUsage(before, json);
        expect(after.startsWith(before.slice(0, at))).toBe(true);
        const rest = before.slice(at + length);
        expect(after.endsWith(rest)).toBe(true);
        const middle = after.slice(at, after.length - rest.length);
        // Set in its place, or added.
        expect([json, `"usage":${json}`, `,"usage":${json}`]).toContain(middle);
        const read = JSON.parse(after);
        expect(Object.getOwnPropertyDescriptor(read.o, 'usage')?.value).toEqual(JSON.parse(json));
        const others = (all: Record<string, unknown>) =>
          Object.entries(all).filter(([key]) => key !== 'usage');
        expect(others(read.o)).toEqual(others(JSON.parse(before).o));
      }),
      { numRuns: 1_000, seed: 16 },
    );
  });
});
