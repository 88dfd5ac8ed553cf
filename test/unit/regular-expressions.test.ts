/**
 * All regular expressions of the Worker and its objects, found in the source, on inputs that make
 * unsafe ones backtrack exponentially. They are found by search, so that new ones are tested too.
 * The time limit does not measure speed: an unsafe expression would take years.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LENGTH = 20_000;
const HANGS_MS = 60_000;

/** A regular expression literal in source code; character classes may contain slashes. */
const LITERAL =
  /(?<=(?:^|[=(,:[!&|?{;]|=>|\breturn)\s*)\/(?![*/])((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?=\s*[).,;\]}:?&|\n]|$)/gm;
/** The pieces of expressions that are built by `new RegExp`. */
const RAW = /String\.raw`([^`]*)`/g;

interface Found {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));
}

function expressionsIn(file: string): Found[] {
  const code = readFileSync(join(ROOT, file), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(\/\/|\/\*\*|\*)/.test(line))
    .join('\n');
  const literals = [...code.matchAll(LITERAL)].map(([, source = '', flags = '']) => ({
    file,
    source,
    flags: flags.replace(/[gy]/g, ''),
  }));
  const pieces = code.includes('new RegExp') ? [...code.matchAll(RAW)] : [];
  return [...literals, ...pieces.map(([, source = '']) => ({ file, source, flags: 'i' }))];
}

/** The API's description reads no input from outside. */
const NO_INPUT = /^src\/openapi\//;

const FOUND = ['src', 'durable-objects']
  .flatMap(sourceFiles)
  .filter((file) => !NO_INPUT.test(file))
  .flatMap(expressionsIn);

/** Texts to repeat: each character of the expression and common ones, alone and in pairs. */
function pumpsFor(source: string): string[] {
  const own = new Set([...source.replace(/\\[dswbxu]|[\\^$*+?()[\]{}|]/g, '')].slice(0, 24));
  const usual = ['a', 'A', '0', ' ', '\t', '/', '.', '-', '_', ';', '"', '\\', '\u00a0', '\u2028'];
  const single = [...new Set([...own, ...usual])];
  return [...single, 'a-', 'a/', '/a', '0:', '00-', 'a;', '; ', 'a.a', 'aaaaaaaa-', '\r\n', ' a'];
}

/** Texts that come first, so that the repeated part of the expression is reached. */
function prefixesFor(source: string): string[] {
  const plain = source.replace(/\\([./"])/g, '$1').replace(/\\[sdbw]\+?\*?/g, ' ');
  const words = plain.match(/[\w"';:/{}. -]{3,}/g) ?? [];
  return ['', ...words, words.join('')];
}

function attack({ source, flags }: Found): void {
  const context = createContext({ source, flags, inputs: inputsFor(source) });
  const code = `const re = new RegExp(source, flags);
    for (const input of inputs) { re.test(input); input.slice(0, 2000).replace(re, ''); }`;
  runInContext(code, context, { timeout: HANGS_MS });
}

function inputsFor(source: string): string[] {
  const inputs: string[] = [];
  for (const prefix of prefixesFor(source)) {
    for (const pump of pumpsFor(source)) {
      const repeated = pump.repeat(Math.ceil(LENGTH / pump.length));
      for (const suffix of ['', '\u0000', '!a']) inputs.push(prefix + repeated + suffix);
    }
  }
  return inputs;
}

it('the search finds the expressions', () => {
  const sources = FOUND.map((f) => f.source);
  expect(FOUND.length).toBeGreaterThan(40);
  // One of each kind: anchored, a class with a slash, a look-ahead, in pieces.
  expect(sources).toContain('^Bearer +(\\S+)$');
  expect(sources).toContain('\\/+$');
  expect(sources).toContain('^\\/(?![/\\\\])[\\x21-\\x7e]*$');
  expect(sources).toContain('(?:~|[A-Za-z]:)?(?:[\\\\/][\\w.@+-]+){2,}');
});

it('the test detects one that backtracks exponentially', () => {
  const careless = { file: '', source: '^(a+)+$', flags: '' };
  const context = createContext({ source: careless.source, inputs: inputsFor(careless.source) });
  const code = 'const re = new RegExp(source); for (const input of inputs) re.test(input);';
  expect(() => runInContext(code, context, { timeout: 1_000 })).toThrow(/timed out/);
});

describe('a regular expression', () => {
  it.each(FOUND)(
    'ends in time: $source ($file)',
    (found) => {
      attack(found);
    },
    2 * HANGS_MS,
  );
});
