/** Which file answers an address of the console, and in which coding. */
import { describe, expect, it } from 'vitest';
import { codingFor, pageFile, pageHeaders } from '../../../src/routes/console/page-file.ts';

describe('the file', () => {
  it.each([
    ['/console', 'index.html'],
    ['/console/', 'index.html'],
    ['/console/t/demo/now', 'index.html'],
    ['/console/t/demo/runs', 'pages/runs.html'],
    ['/console/t/demo/runs/', 'pages/runs.html'],
    ['/console/t/demo/runs/run%2F1', 'pages/run.html'],
    ['/console/t/demo/calls/call-1', 'pages/call.html'],
    ['/console/t/demo/calls', 'index.html'],
    ['/console/t/demo/applications', 'pages/applications.html'],
    ['/console/t/demo/applications/a.b', 'pages/application.html'],
    ['/console/t/demo/settings', 'pages/settings.html'],
    ['/console/t/demo/settings/keys', 'pages/settings.html'],
    ['/console/t/demo/what-if', 'pages/what-if.html'],
    ['/console/t/demo/application', 'index.html'],
    ['/console/t/demo/constructor/x', 'index.html'],
    ['/console/t/demo/runs/a/b', 'index.html'],
    ['/console/pages/runs.html', 'index.html'],
    ['/console/assets/index-Abc_1.js', 'assets/index-Abc_1.js'],
    ['/console/assets/index-Abc_1.js.br', undefined],
    ['/console/assets/', undefined],
  ])('of %s', (path, name) => {
    expect(pageFile(path)?.name).toBe(name);
  });

  it('is kept for ever where its name has a hash, and asked for where not', () => {
    expect(pageFile('/console/assets/a-1.css')?.cache).toContain('immutable');
    expect(pageFile('/console/t/demo/runs')?.cache).toBe('no-cache');
  });
});

describe('the coding', () => {
  it.each([
    ['gzip, deflate, br, zstd', 'br'],
    ['br;q=0, gzip', 'gzip'],
    ['br;q=0.0,gzip;q=0.000', undefined],
    ['GZIP', 'gzip'],
    ['gzip;q=1.0, br;q=0.5', 'br'],
    ['identity', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('for %s', (accepted, name) => {
    expect(codingFor(accepted)?.name).toBe(name);
  });

  it('is told, and that it depends on what the browser takes', () => {
    const file = pageFile('/console');
    if (!file) throw new Error('no page');
    const plain = pageHeaders(file);
    expect(plain.get('vary')).toBe('accept-encoding');
    expect(plain.has('content-encoding')).toBe(false);
    expect(pageHeaders(file, codingFor('br')).get('content-encoding')).toBe('br');
    expect(plain.get('content-security-policy')).toContain("script-src 'self';");
  });
});
