/** What the browser loads before a screen is there, compressed; and that nothing is inline. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { ASSETS_DIR } from '../../scripts/console-assets.ts';
import { SCREEN_PAGES } from '../../src/protocol/console/page-assets.ts';

const LIMIT_BYTES = 250_000;

/**
 * What a page names in its head, which comes before its screen is drawn. On a phone with 200 kB/s each
 * 10 kB are 50 ms: docs/decisions.md says what was left out for it.
 */
const HEAD_LIMIT_BYTES: Readonly<Record<string, number>> = {
  'index.html': 42_000,
  'pages/application.html': 60_000,
};
const OTHER_HEADS_BYTES = 55_000;

const PAGES = ['index.html', ...SCREEN_PAGES.map((name) => `pages/${name}.html`)];

function read(name: string): string {
  return readFileSync(join(ASSETS_DIR, name), 'utf8');
}

function sizeOf(name: string): number {
  return gzipSync(readFileSync(join(ASSETS_DIR, 'assets', name))).byteLength;
}

function headOf(page: string): string[] {
  const named = read(page).matchAll(/(?:src|href)="\/console\/assets\/([^"]+)"/g);
  return [...named].map(([, name]) => name ?? '');
}

const sum = (of: readonly string[]) => of.reduce((total, name) => total + sizeOf(name), 0);

it('stays below 250 kB with every screen but What if', () => {
  const names = readdirSync(join(ASSETS_DIR, 'assets'));
  const all = names.filter((name) => !/worker|what-if|\.(br|gz)$/.test(name));
  console.log(`all screens but What if ${sum(all)} bytes, gzip`);
  expect(all.length).toBeGreaterThan(10);
  expect(sum(all)).toBeLessThan(LIMIT_BYTES);
});

it.each(PAGES)('is little with %s, and has the code of its screen', (page) => {
  const head = headOf(page);
  console.log(`${page}: ${sum(head)} bytes, gzip`);
  expect(head.some((name) => /^begin-.*\.js$/.test(name))).toBe(true);
  expect(head.some((name) => /-screen-.*\.js$/.test(name))).toBe(true);
  expect(new Set(head).size).toBe(head.length);
  expect(sum(head)).toBeLessThan(HEAD_LIMIT_BYTES[page] ?? OTHER_HEADS_BYTES);
});

it.each(PAGES)('has no script, style or handler within %s', (page) => {
  const html = read(page);
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/<style|\bstyle=|\bon\w+=/);
  for (const [, url = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect(url).toMatch(/^\/console\//);
  }
});

it('has a compressed copy of each file, which is the file', () => {
  const names = readdirSync(join(ASSETS_DIR, 'assets')).map((name) => `assets/${name}`);
  const compressed = [...PAGES, ...names].filter((name) => /\.(html|js|css)$/.test(name));
  expect(compressed.length).toBeGreaterThan(20);
  for (const name of compressed) {
    const file = readFileSync(join(ASSETS_DIR, name));
    const [br, gz] = ['br', 'gz'].map((end) => readFileSync(join(ASSETS_DIR, `${name}.${end}`)));
    if (!br || !gz) throw new Error(`${name} has no copies`);
    expect(br.byteLength).toBeLessThan(file.byteLength);
    expect([name, brotliDecompressSync(br).equals(file)]).toEqual([name, true]);
    expect([name, gunzipSync(gz).equals(file)]).toEqual([name, true]);
  }
});
