/** The scan accepts and reads JSON as `JSON.parse` does, without building values. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonCursor } from '../../../src/http/json-cursor.ts';
import { FieldNames, scanJson, USUAL_BOUNDS } from '../../../src/http/json-scan.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const scan = (text: string | Uint8Array, bounds = USUAL_BOUNDS, names?: FieldNames) =>
  scanJson(typeof text === 'string' ? encode(text) : text, bounds, names);
const isJson = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('a scan', () => {
  it('takes what JSON.parse takes', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.nat(4), (text, spaces) => {
        const spaced = JSON.stringify(JSON.parse(text), null, spaces);
        expect(scan(text).ok).toBe(true);
        expect(scan(` \r\n\t${spaced} \n`).ok).toBe(true);
      }),
    );
  });

  it('refuses what JSON.parse refuses', () => {
    const damage = fc.record({
      text: fc.json({ maxDepth: 4 }),
      at: fc.nat(),
      cut: fc.nat(2),
      put: fc.constantFrom(
        '',
        ',',
        ':',
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        '0',
        '-',
        '.',
        'e',
        '\u0001',
      ),
    });
    fc.assert(
      fc.property(damage, ({ text, at, cut, put }) => {
        const i = at % (text.length + 1);
        const damaged = text.slice(0, i) + put + text.slice(i + cut);
        // Half of a surrogate pair cannot be sent as UTF-8.
        fc.pre(damaged.isWellFormed());
        expect([damaged, scan(damaged).ok]).toEqual([damaged, isJson(damaged)]);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ...['', ' ', '{', '[', '"', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '[1,]', '[,1]'],
    ...[
      '[1 2]',
      '{1:2}',
      '{a:1}',
      "{'a':1}",
      '01',
      '-',
      '-01',
      '1.',
      '.5',
      '1e',
      '1e+',
      '+1',
      '0x1',
    ],
    ...[
      'NaN',
      'Infinity',
      'nul',
      'nulll',
      'truefalse',
      'tru',
      '"\\x"',
      '"\\u12"',
      '"\\u12g4"',
      '"a\nb"',
    ],
    ...['[1]]', '{}{}', '{"a":1}}', '[1}', '{"a":[1}', '\u00a0{}', '//\n{}', '{"a" 1}', '"\t"'],
    ...[
      '0',
      '-0',
      '0.0',
      '1e5',
      '1E-5',
      '-1.25e+10',
      '"\\u0000"',
      '""',
      '[]',
      '{}',
      '[[]]',
      'null',
    ],
    ...['{"":1}', '{"a":{},"a":[]}', ' "\\ud800" ', '[{},{},[],""]', '1e999'],
  ])('judges %j as JSON.parse does', (text) => {
    expect(scan(text).ok).toBe(isJson(text));
  });

  it('refuses bytes that are no UTF-8, and says so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), (noise) => {
        const bytes = Uint8Array.from([0x22, ...noise.filter((b) => b >= 0x80), 0x22]);
        let isUtf8 = true;
        try {
          new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        } catch {
          isUtf8 = false;
        }
        expect(scan(bytes).ok).toBe(isUtf8);
      }),
      { numRuns: 2_000 },
    );
    const told = scan(Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d));
    expect(told).toMatchObject({ error: { message: 'The body is not valid UTF-8.' } });
  });

  it('passes over a byte order mark', () => {
    expect(scan(Uint8Array.of(0xef, 0xbb, 0xbf, 0x5b, 0x5d)).ok).toBe(true);
    expect(scan(Uint8Array.of(0xef, 0xbb, 0xbf)).ok).toBe(false);
  });

  it('ends at its bounds, and names the field and how much is allowed', () => {
    const bounds = { depth: 3, parts: 5 };
    const names = new FieldNames(['a']);
    expect(scan('{"a":[[]]}', bounds, names).ok).toBe(true);
    const deep = scan('{"a":[[[]]]}', bounds, names);
    expect(deep).toMatchObject({ ok: false, error: { code: 'invalid_request_error', param: 'a' } });
    expect(deep.ok || deep.error.message).toContain('3 levels');
    expect(scan('{"a":[{},{},{}]}', bounds, names).ok).toBe(true);
    const many = scan('{"a":[{},{},{},{}]}', bounds, names);
    expect(many).toMatchObject({ ok: false, error: { param: 'a' } });
    expect(many.ok || many.error.message).toContain('it may have 5');
  });

  it('does not recurse: ten million brackets are one refusal', () => {
    const bytes = new Uint8Array(10_000_000).fill(0x5b);
    expect(scan(bytes).ok).toBe(false);
  });
});

describe('the fields of a text', () => {
  const anyValue = fc.jsonValue({ maxDepth: 4 });

  it('are found as JSON.parse finds them: the last one of a name', () => {
    const names = ['model', 'm', 'messages', 'stream', 'mess'];
    const entries = fc.array(fc.tuple(fc.constantFrom(...names, 'x', 'modelx', ''), anyValue));
    fc.assert(
      fc.property(entries, fc.boolean(), (fields, escaped) => {
        const nameOf = (name: string) =>
          escaped && name !== ''
            ? `"${name.replace(/./g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)}"`
            : JSON.stringify(name);
        const members = fields.map(([name, value]) => `${nameOf(name)} : ${JSON.stringify(value)}`);
        const text = `{ ${members.join(' , ')} }`;
        const bytes = encode(text);
        const scanned = scanJson(bytes, USUAL_BOUNDS, new FieldNames(names));
        if (!scanned.ok) throw new Error(text);
        const whole = JSON.parse(text) as Record<string, unknown>;
        const found = Object.fromEntries(
          [...scanned.json.fields].map(([name, { start, end }]) => [
            name,
            JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))),
          ]),
        );
        expect(found).toEqual(
          Object.fromEntries(
            names.filter((n) => Object.hasOwn(whole, n)).map((n) => [n, whole[n]]),
          ),
        );
      }),
    );
  });
});

describe('a cursor', () => {
  it('counts and cuts texts as JavaScript does', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(text, fc.nat(12), fc.boolean(), (value, most, ascii) => {
        fc.pre(value.isWellFormed());
        const json = ascii
          ? JSON.stringify(value).replace(
              /[\u0080-\uffff]/g,
              (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
            )
          : JSON.stringify(value);
        const bytes = encode(`${json},1`);
        const end = encode(json).length;
        const [counting, cutting] = [new JsonCursor(bytes, 0), new JsonCursor(bytes, 0)];
        expect(counting.chars()).toBe(value.length);
        expect(cutting.text(most)).toBe(value.slice(0, most));
        expect([counting.at, cutting.at]).toEqual([end, end]);
      }),
    );
  });

  it('passes over any value to its end', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(3), (value, spaces) => {
        const json = JSON.stringify(value, null, spaces);
        const bytes = encode(`[${json} , 7]`);
        const cursor = new JsonCursor(bytes, 0);
        const numbers = (at: JsonCursor): number => {
          const kind = at.kind();
          if (kind !== 'list' && kind !== 'object') {
            at.skip();
            return kind === 'number' ? 1 : 0;
          }
          let count = 0;
          at.open();
          while (at.more()) {
            if (kind === 'object') at.name([]);
            count += numbers(at);
          }
          return count;
        };
        expect(numbers(cursor)).toBe(numbersIn(JSON.parse(json)) + 1);
        expect(cursor.at).toBe(bytes.length);
        const other = new JsonCursor(bytes, 0);
        other.open();
        other.more();
        expect(other.parse()).toEqual(JSON.parse(json));
        expect(other.more()).toBe(true);
        expect(other.parse()).toBe(7);
        expect(other.more()).toBe(false);
      }),
    );
  });
});

function numbersIn(value: unknown): number {
  if (typeof value === 'number') return 1;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((n: number, inner) => n + numbersIn(inner), 0);
}
