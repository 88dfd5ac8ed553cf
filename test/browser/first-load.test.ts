/** What the browser loads before the first screen is there, compressed; and that nothing is inline. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { ASSETS_DIR } from '../../scripts/console-assets.ts';

const LIMIT_BYTES = 250_000;

const html = readFileSync(join(ASSETS_DIR, 'index.html'), 'utf8');

function sizeOf(name: string): number {
  return gzipSync(readFileSync(join(ASSETS_DIR, 'assets', name))).byteLength;
}

it('stays below 250 kB with the screen Now, and even with every other but What if', () => {
  const names = readdirSync(join(ASSETS_DIR, 'assets'));
  const first = [...html.matchAll(/(?:src|href)="\/console\/assets\/([^"]+)"/g)].map(
    ([, name]) => name ?? '',
  );
  expect(first.length).toBeGreaterThan(1);
  const all = names.filter((name) => !/worker|what-if/.test(name));
  const sum = (of: readonly string[]) => of.reduce((total, name) => total + sizeOf(name), 0);
  console.log(`first load ${sum(first)} bytes, all screens but What if ${sum(all)} bytes, gzip`);
  expect(sum(first)).toBeLessThan(LIMIT_BYTES);
  expect(sum(all)).toBeLessThan(LIMIT_BYTES);
});

it('has no script, style or handler within the page', () => {
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/<style|\bstyle=|\bon\w+=/);
  for (const [, url = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect(url).toMatch(/^\/console\//);
  }
});
