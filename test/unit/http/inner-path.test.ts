/** A tool's path never leaves its prefix, however often servers behind it decode the path. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { innerPathProblem } from '../../../src/http/inner-path.ts';

const encoded = (text: string) => encodeURIComponent(text).replaceAll('.', '%2e');

const LEADING_OUT = [
  '/..%2f..%2fadmin',
  '/..%2F..%2Fadmin',
  '/%2e%2e%2fadmin',
  '/%2e%2e/admin',
  '/.%2e/admin',
  '/a/..%2f..%2f..%2fadmin',
  '/..%5c..%5cadmin',
  '/..\\admin',
  '/..%252fadmin',
  '/%252e%252e%252fadmin',
  '/%25252e%25252e%25252fadmin',
  `/${encoded(encoded(encoded(encoded('../x'))))}`,
  `/${Array.from({ length: 9 }).reduce<string>((t) => encodeURIComponent(t), '../x')}`,
  '/..;/admin',
  '/..;a=b/admin',
  '/;..;../admin',
  '/..%3b/admin',
  '/..%3ba=b%2fadmin',
  '/.;/admin',
  '/a/..',
  '/a%2f..',
  '/...%2fadmin',
  '/..%20/admin',
  '/..%09/admin',
  '/..%00/admin',
  '/%2e%2e%00%2fadmin',
  '/..%0d%0aadmin',
  '/%c0%ae%c0%ae/admin',
  '/%c0%ae%c0%ae%c0%afadmin',
  '/..%c0%afadmin',
  '/%e0%80%ae%e0%80%ae/admin',
  '/%f0%80%80%ae%f0%80%80%ae/admin',
  '/..%e0%80%afadmin',
  '/..%c1%9cadmin',
  '/%u002e%u002e%u002fadmin',
  '/..%u2215admin',
  '/..%u2216admin',
  '/..%ef%bc%8fadmin',
  '/%ef%bc%8e%ef%bc%8e%ef%bc%8fadmin',
  '/..%e2%88%95admin',
  '/%e2%80%a5/admin',
  '//admin',
  '//evil.example/x',
  '/%2fadmin',
  '/%2f%2fevil.example',
  '/%5c%5cevil.example',
  '/%5cadmin',
  '/%252fadmin',
];

const HONEST = [
  '',
  '/',
  '/a',
  '/a/',
  '/v1/search',
  '/a.b/c..d/.well-known/x',
  '/group%2Fproject/issues',
  '/@scope%2fname',
  '/https://example.com/page.html',
  '/https%3A%2F%2Fexample.com%2Fpage',
  '/a//b',
  '/a;b=c/d',
  '/a%20b',
  '/100%25',
  '/gr%C3%B6%C3%9Fe',
  '/%E6%97%A5%E6%9C%AC',
  '/a%zz',
  '/a%',
  '/caf%e9',
  "/a+b,c:d@e!$&'()*=~",
  '/-/..hidden',
  '/hidden../x',
  '/%F0%9F%98%80',
];

describe('a path after its prefix', () => {
  it.each(LEADING_OUT)('is refused if it may leave the prefix: %s', (path) => {
    expect(innerPathProblem(path)).toBeTypeOf('string');
  });

  it.each(HONEST)('is accepted if it stays inside: %s', (path) => {
    expect(innerPathProblem(path)).toBeUndefined();
  });

  it('stays inside, whoever decodes it', () => {
    const piece = fc.constantFrom(
      ...['..', '.', '/', '\\', ';', 'a', '%', '25', '2f', '2e', '5c', ' '],
    );
    const path = fc.array(piece, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`);
    fc.assert(
      fc.property(path, fc.nat(3), (text, rounds) => {
        const written = Array.from({ length: rounds }).reduce<string>(
          (t) => `/${encodeURIComponent(t.slice(1))}`,
          text,
        );
        if (innerPathProblem(written) !== undefined) return;
        let form = written;
        for (let round = 0; round < 12; round += 1) {
          const inside = new URL(form, 'http://tool.test/prefix/').href;
          const joined = new URL(`http://tool.test/prefix${form.replaceAll(';', '/')}`);
          expect([written, joined.pathname.startsWith('/prefix/')]).toEqual([written, true]);
          expect([written, new URL(inside).host]).toEqual([written, 'tool.test']);
          form = form.replace(/%([0-9a-f]{2})/gi, (_, code) =>
            String.fromCharCode(Number.parseInt(code, 16)),
          );
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
