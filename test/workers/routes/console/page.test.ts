/** The console's page and files: their types, caching and policy, and what is no file. */
import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(new Request(`http://talaria.test${path}`, init));
}

describe('the page', () => {
  it.each(['/console', '/console/', '/console/demo/runs/a.b%2F..%2Fc', '/console/x/index.js'])(
    'is at %s, and asked for each time',
    async (path) => {
      const page = await get(path);
      expect(page.status).toBe(200);
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('cache-control')).toBe('no-cache');
      expect(await page.text()).toMatch(/^<!doctype html>/i);
    },
  );

  it('runs nothing but its own files, in no frame, and is sniffed by nobody', async () => {
    const { headers } = await get('/console');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("worker-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*|sandbox/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  it('is not sent again where it is known', async () => {
    const etag = (await get('/console')).headers.get('etag');
    const again = await get('/console', { headers: { 'if-none-match': etag ?? '' } });
    expect(etag).toBeTruthy();
    expect(again.status).toBe(304);
    expect(again.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('answers HEAD without a body, and refuses to be written', async () => {
    const head = await get('/console', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const refused = await get('/console/x', { method });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
  });
});

describe('a file', () => {
  it.each([
    '/console/assets/none-12345678.js',
    '/console/assets/',
    '/console/assets/..%2findex.html',
    '/console/assets/none.exe',
    '/console/none.css',
  ])('that is not there is not found: %s', async (path) => {
    const missing = await get(path);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ error: { code: 'not_found' } });
  });
});
