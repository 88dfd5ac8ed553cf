/**
 * An endpoint's key never remains in text that is passed on, in whatever form it is written there.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginningOf } from '../../../src/endpoints/answer.ts';
import { hasKey, withoutKey } from '../../../src/http/key-mask.ts';

/** More is searched with other seeds: `TALARIA_KEY_RUNS=5000 TALARIA_KEY_SEED=2`. */
const SEED = Number(process.env.TALARIA_KEY_SEED ?? 1_322_350_452);
const RUNS = Number(process.env.TALARIA_KEY_RUNS ?? 500);

const KEY = 'sk-Proj/9+aB=7&"x\\yz:Q_w.E-rT5uI';
const unicode = (text: string) =>
  text.replace(/./g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const percent = (text: string) =>
  text.replace(/./g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

const FORMS: Array<[string, (key: string) => string]> = [
  ['as it is', (key) => key],
  ['in upper case', (key) => key.toUpperCase()],
  ['in JSON', (key) => JSON.stringify(key)],
  ['in JSON with its slashes escaped', (key) => JSON.stringify(key).replaceAll('/', '\\/')],
  ['in JSON in JSON', (key) => JSON.stringify(JSON.stringify(key).replaceAll('/', '\\/'))],
  ['by code points', unicode],
  ['by code points in upper case', (key) => unicode(key).toUpperCase().replaceAll('\\U', '\\u')],
  ['by code points in JSON', (key) => JSON.stringify(unicode(key))],
  ['in a URL', (key) => encodeURIComponent(key)],
  ['in a URL, in lower case', (key) => encodeURIComponent(key).toLowerCase()],
  ['in a URL in a URL', (key) => encodeURIComponent(encodeURIComponent(key))],
  ['in a URL in JSON', (key) => JSON.stringify(encodeURIComponent(key))],
  ['by bytes of a URL', percent],
  ['by bytes of a URL, twice', (key) => encodeURIComponent(percent(key))],
  ['in HTML', (key) => key.replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
  ['in HTML by numbers', (key) => key.replace(/./g, (c) => `&#${c.charCodeAt(0)};`)],
  ['in HTML by hex', (key) => key.replace(/./g, (c) => `&#x${c.charCodeAt(0).toString(16)};`)],
  ['in base64', base64],
  ['in base64 with its scheme', (key) => base64(`Bearer ${key}`)],
  ['in base64 as Basic', (key) => base64(`user:${key}`)],
  ['in base64 in a header', (key) => base64(`authorization: Bearer ${key}\r\n`)],
  ['in base64 for URLs', (key) => Buffer.from(`Bearer ${key}`).toString('base64url')],
  ['in base64 in JSON', (key) => JSON.stringify(base64(key)).replaceAll('/', '\\/')],
  ['in base64 in a URL', (key) => encodeURIComponent(base64(`Bearer ${key}`))],
  ['in hex', (key) => Buffer.from(key).toString('hex')],
  ['without its last characters', (key) => key.slice(0, -4)],
  ['without its first characters', (key) => key.slice(4)],
];

const codeIn = (char: string, radix: number) => char.charCodeAt(0).toString(radix);
const NAMED: Record<string, string> = {
  '&': 'amp',
  '"': 'quot',
  '<': 'lt',
  '>': 'gt',
  "'": 'apos',
  '/': 'sol',
  '\\': 'bsol',
  '%': 'percnt',
};
/** The ways to write one character; the first is as it is. */
const ESCAPES: Array<(char: string) => string> = [
  (c) => c,
  (c) => (NAMED[c] ? `&${NAMED[c]};` : c),
  (c) => (/["\\/]/.test(c) ? `\\${c}` : c),
  (c) => `\\u${codeIn(c, 16).padStart(4, '0')}`,
  (c) => `\\u${codeIn(c, 16).toUpperCase().padStart(4, '0')}`,
  (c) => `%${codeIn(c, 16)}`,
  (c) => (/\w/.test(c) ? c : `%${codeIn(c, 16).toUpperCase()}`),
  (c) => `&#${codeIn(c, 10)};`,
  (c) => `&#x${codeIn(c, 16)};`,
  (c) => `&#X${codeIn(c, 16).toUpperCase().padStart(4, '0')};`,
  (c) => `\\x${codeIn(c, 16)}`,
];
/** The text with its characters written in the ways, by turns. */
const escapedBy = (text: string, ways: readonly number[]) =>
  Array.from(text, (c, i) => ESCAPES[ways[i % ways.length] ?? 0]?.(c) ?? c).join('');

/** The text, and its results after each decoding that a client might apply. */
function readings(text: string): string[] {
  const decoded = [text];
  for (let round = 0; round < 4; round += 1) {
    const last = decoded.at(-1) ?? '';
    decoded.push(
      last
        .replace(/\\u([0-9a-f]{4})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
        .replace(/\\(.)/g, '$1')
        .replace(/%([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
        .replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
        .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
        .replaceAll('&amp;', '&')
        .replaceAll('&quot;', '"'),
    );
  }
  const runs = decoded.flatMap((d) => d.match(/[\w+/-]{8,}/g) ?? []);
  const inside = runs.flatMap((run) => [
    Buffer.from(run, 'base64').toString('latin1'),
    Buffer.from(run, 'hex').toString('latin1'),
  ]);
  return [...decoded, ...inside].map((reading) => reading.toLowerCase());
}

describe('a key in a text', () => {
  it.each(FORMS)('is taken out %s', (_form, write) => {
    const text = `{"error":"It refused ${write(KEY)} for good reasons"}`;
    expect(hasKey(text, KEY)).toBe(true);
    const masked = withoutKey(text, KEY);
    expect(masked).toContain('[key]');
    expect(masked).toMatch(/^\{"error":"It refused .* for good reasons"\}$/);
    for (const reading of readings(masked)) {
      expect(reading).not.toContain(KEY.slice(0, 16).toLowerCase());
      expect(reading).not.toContain(KEY.slice(-16).toLowerCase());
    }
  });

  it('is found in any form, whatever text is around it', () => {
    const anyKey = fc.stringMatching(/^[\x21-\x7e]{16,80}$/);
    const around = fc.string({ maxLength: 20 });
    fc.assert(
      fc.property(
        anyKey,
        around,
        around,
        fc.constantFrom(...FORMS),
        (key, before, after, [, write]) => {
          const masked = withoutKey(`${before} ${write(key)} ${after}`, key);
          const cut = Math.max(8, Math.ceil(key.length / 2));
          // Only what has more than half of the key must be removed, so text around it that starts
          // like the key is excluded.
          fc.pre(!before.includes(key.slice(0, 4)) && !after.includes(key.slice(0, 4)));
          expect(masked).toContain('[key]');
          expect(masked).not.toContain(key.slice(0, cut));
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('is found where each of its characters is escaped in another way, also twice', () => {
    const anyKey = fc.stringMatching(/^[\x21-\x7e]{16,60}$/);
    const around = fc.string({ maxLength: 20 });
    // For each character of what is escaped, by turns.
    const ways = fc.array(fc.nat(ESCAPES.length - 1), { minLength: 1, maxLength: 40 });
    const levels = fc.array(ways, { minLength: 1, maxLength: 2 });
    fc.assert(
      fc.property(anyKey, around, around, levels, (key, before, after, each) => {
        const start = key.slice(0, 4).toLowerCase();
        fc.pre(!`${before} ${after}`.toLowerCase().includes(start));
        const written = each.reduce(escapedBy, key);
        const text = `${before} ${written} ${after}`;
        expect(hasKey(text, key)).toBe(true);
        expect(withoutKey(text, key)).toBe(`${before} [key] ${after}`);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it.each([
    ['a backslash in HTML', '!!!!!"!!!!!!!!!!!!\\!!!!!!!!!!!&!!!!!!', 1],
    ['what looks like an escape of a URL', 'sk-1234%41"5678%42&9abc%43', 6],
    ['what looks like an escape of HTML', 'sk-1234&amp;5678&#65;"9abc&quot;', 1],
    ['what looks like an escape of JSON', 'sk-1234\\u00415678\\"9abc&\\x41', 6],
  ])('is found with %s in itself', (_what, key, way) => {
    const written = escapedBy(key, [way]);
    expect(withoutKey(`It refused ${written}.`, key)).toBe('It refused [key].');
    const partly = key.replaceAll('"', '&quot;').replaceAll('&', '\\u0026');
    expect(withoutKey(`It refused ${partly}.`, key)).toBe('It refused [key].');
  });

  it.each(FORMS.filter(([form]) => !/base64|hex$|first/.test(form)))(
    'is not left where the connection was cut off in it, %s',
    (_form, write) => {
      const form = write(KEY);
      for (let length = 1; length <= form.length; length += 1) {
        const masked = withoutKey(`It refused ${form.slice(0, length)}`, KEY);
        for (const reading of readings(masked)) {
          expect(reading).not.toContain(KEY.slice(0, 4).toLowerCase());
        }
      }
    },
  );

  it('leaves all other text as it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(withoutKey(text, 'k'.repeat(40))).toBe(text);
        expect(withoutKey(text, undefined)).toBe(text);
      }),
    );
    const honest = '{"error":"50% of \\"tools\\" \\u00e4 & more /a/b \\\\ c%20d"}';
    expect(withoutKey(honest, KEY)).toBe(honest);
  });

  it('is also taken out unencoded if it is short', () => {
    expect(withoutKey('the key abc1 is wrong', 'abc1')).toBe('the key [key] is wrong');
  });

  it('is searched in linear time in any text', () => {
    for (const pump of ['\\', '%', '%25', '&#', '\\u005c', KEY.slice(0, 15), 'a', '\\u00']) {
      const text = pump.repeat(Math.ceil(65_536 / pump.length));
      expect(withoutKey(text, KEY).length).toBeGreaterThan(0);
      expect(hasKey(text, KEY)).toBe(false);
    }
  });

  it('withholds a text in which a key that repeats itself would be searched for too long', () => {
    const key = '\\'.repeat(60);
    for (const pump of ['\\', '\\u005c', '\\x5c', '\\\\%5c&#92;']) {
      const text = `x${pump.repeat(5_000)}y`;
      expect(withoutKey(text, `${key}b`)).toBe('[key]');
    }
    expect(withoutKey(`x${'k\\\\'.repeat(9)} y`, 'k\\'.repeat(9))).toBe('x[key] y');
  });
});

describe('the part of an error that is passed on', () => {
  const MOST = 65_536;
  const answer = (...chunks: string[]) =>
    new Response(
      new ReadableStream<Uint8Array>({
        start(sink) {
          for (const chunk of chunks) sink.enqueue(new TextEncoder().encode(chunk));
          sink.close();
        },
      }),
    );

  it.each(FORMS)('has no key at its end, %s, wherever it is cut', async (_form, write) => {
    const form = write(KEY);
    const cuts = [1, 5, 9, 17, Math.floor(form.length / 2), form.length - 1];
    for (const before of cuts) {
      const text = `${'x'.repeat(MOST - before)}${form}${'y'.repeat(500)}`;
      // Also where what is beyond the cut comes later, so that it has to be waited for.
      for (const chunks of [[text], [text.slice(0, MOST), ...text.slice(MOST)]]) {
        const read = await beginningOf(answer(...chunks), KEY);
        const end = read.slice(MOST - before - 1);
        expect(end.length).toBeGreaterThan(0);
        for (const reading of readings(end)) {
          expect(reading).not.toContain(KEY.slice(0, 5).toLowerCase());
        }
      }
    }
  });

  it.each(FORMS)('has no key that came in pieces, %s', async (_form, write) => {
    const form = write(KEY);
    const read = await beginningOf(answer('It was ', ...form, ' then.'), KEY);
    expect(read).toMatch(/^It was .*\[key\].* then\.$/);
  });

  it('has no key that the end of the connection cut off', async () => {
    const read = await beginningOf(answer(`wrong key: ${KEY.slice(0, 9)}`), KEY);
    expect(read).toBe('wrong key: [key]');
  });

  it('keeps its full length if there is no key', async () => {
    expect(await beginningOf(answer('z'.repeat(MOST + 5)), undefined)).toBe('z'.repeat(MOST));
    expect(await beginningOf(answer('z'.repeat(MOST + 5)), KEY)).toBe('z'.repeat(MOST));
  });
});
