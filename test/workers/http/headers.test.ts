/** Which headers pass in both directions, and the security headers of every answer. */
import { exports } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { answerHeaders, isReservedHeader, upstreamHeaders } from '../../../src/http/headers.ts';
import { addSecurityHeaders } from '../../../src/http/security-headers.ts';
import { OPERATIONS } from '../../../src/openapi/operations.ts';

const CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

afterEach(() => vi.restoreAllMocks());

describe("a client's header", () => {
  const passed = (headers: Record<string, string>) =>
    upstreamHeaders(new Headers(headers), { authorization: 'Bearer of-the-endpoint' });

  it.each([
    ...CONNECTION,
    'host',
    'content-length',
    'cookie',
    'x-api-key',
    'api-key',
    'x-talaria-run',
    'X-Talaria-Endpoint',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'forwarded',
    'via',
    'x-real-ip',
    'x-client-ip',
    'true-client-ip',
    'cf-connecting-ip',
    'cf-ipcountry',
    'cf-worker',
    'cf-access-jwt-assertion',
    'cdn-loop',
    'x-original-url',
    'x-rewrite-url',
    'mf-loopback',
  ])('does not reach the endpoint: %s', (name) => {
    expect(passed({ [name]: 'spoofed' }).has(name)).toBe(false);
  });

  it('that Connection names does not reach the endpoint, whatever its case and spaces', () => {
    const headers = passed({
      connection: 'close, X-Hop ,x-other,,not a name, keep-alive',
      'x-hop': '1',
      'X-Other': '2',
      'x-end': '3',
    });
    expect([headers.get('x-hop'), headers.get('x-other')]).toEqual([null, null]);
    expect(headers.get('x-end')).toBe('3');
  });

  it("cannot remove or replace the endpoint's own key", () => {
    const headers = passed({ connection: 'authorization', authorization: 'Bearer of-the-client' });
    expect(headers.get('authorization')).toBe('Bearer of-the-endpoint');
    const none = upstreamHeaders(new Headers({ authorization: 'Bearer of-the-client' }), {});
    expect(none.has('authorization')).toBe(false);
  });

  it.each([
    'content-type',
    'anthropic-version',
    'openai-beta',
    'traceparent',
    'x-request-id',
    'accept',
  ])('passes otherwise: %s', (name) => {
    expect(passed({ [name]: 'x' }).get(name)).toBe('x');
  });
});

describe('a job', () => {
  it.each(['app', 'run', 'unit', 'run-final', 'deadline-ms', 'max-wait-ms', 'if-late'])(
    'may set x-talaria-%s for its call',
    (hint) => {
      expect(isReservedHeader(`x-talaria-${hint}`)).toBe(false);
    },
  );

  it.each(['x-talaria-run-for', 'authorization', 'x-request-id', 'host', 'x-forwarded-for'])(
    'may not set %s',
    (name) => {
      expect(isReservedHeader(name)).toBe(true);
    },
  );
});

describe("an endpoint's header", () => {
  const passed = (headers: HeadersInit) =>
    answerHeaders(new Headers(headers), { 'x-talaria-call': 'ours', 'x-request-id': 'ours' });

  it.each([
    ...CONNECTION,
    'content-length',
    'set-cookie',
    'set-cookie2',
    'clear-site-data',
    'strict-transport-security',
    'content-security-policy',
    'content-security-policy-report-only',
    'x-frame-options',
    'alt-svc',
    'refresh',
    'report-to',
    'nel',
    'www-authenticate',
    'x-talaria-tenant',
    'X-Talaria-Queue-Ms',
    'cf-ray',
    'x-forwarded-for',
    'server-timing',
    'idempotent-replayed',
    'service-worker-allowed',
  ])('does not reach the client: %s', (name) => {
    expect(passed({ [name]: 'spoofed' }).has(name)).toBe(false);
  });

  it('that Connection names does not reach the client', () => {
    const headers = passed({ connection: 'x-hop', 'x-hop': '1', 'x-end': '2' });
    expect([headers.get('x-hop'), headers.get('x-end')]).toEqual([null, '2']);
  });

  it('gives the encoding of its body, unless the platform has decoded it', () => {
    const encoding = (name: string) => passed({ 'content-encoding': name }).get('content-encoding');
    expect(['gzip', 'br', 'BR'].map(encoding)).toEqual([null, null, null]);
    expect(['zstd', 'deflate', 'gzip, br'].map(encoding)).toEqual(['zstd', 'deflate', 'gzip, br']);
  });

  it('does not replace a header of the dispatcher', () => {
    const headers = passed({ 'x-talaria-call': 'spoofed', 'x-request-id': 'spoofed' });
    expect([headers.get('x-talaria-call'), headers.get('x-request-id')]).toEqual(['ours', 'ours']);
  });

  it('sets no cookie, however many it tries', () => {
    const many = new Headers();
    for (const name of ['a', 'b', 'c']) many.append('set-cookie', `${name}=1; Path=/`);
    expect(passed(many).getSetCookie()).toEqual([]);
  });

  it.each([
    'content-type',
    'x-ratelimit-remaining-requests',
    'openai-model',
    'retry-after',
    'etag',
  ])('passes otherwise: %s', (name) => {
    expect(passed({ [name]: '7' }).get(name)).toBe('7');
  });
});

describe('every answer', () => {
  const ADMIN = { authorization: 'Bearer test-admin' };
  const CSP =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";
  const call = (path: string, init: RequestInit = {}) =>
    exports.default.fetch(new Request(`http://talaria.test${path}`, init));

  const asked = OPERATIONS.map(
    ({ method, path }) => [method, path.replace(/\{\w+\}/g, 'x')] as const,
  );
  it.each([...asked, ['get', '/nothing/here'], ['get', '/']] as const)(
    'has the security headers for browsers: %s %s',
    async (method, path) => {
      const headers = path.startsWith('/v1') ? {} : ADMIN;
      const answer = await call(path, { method: method.toUpperCase(), headers });
      expect(answer.headers.get('content-security-policy')).toBe(CSP);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      await answer.arrayBuffer();
    },
  );

  it("has them also if it is an endpoint's answer, including a page", async () => {
    const tenant = `t-${crypto.randomUUID()}`;
    const endpoints = [{ url: 'http://127.0.0.1:9' }];
    const put = { backends: { tool: { endpoints } } };
    await call(`/admin/tenants/${tenant}`, {
      method: 'PUT',
      headers: ADMIN,
      body: JSON.stringify(put),
    });
    const made = await call(`/admin/tenants/${tenant}/keys`, { method: 'POST', headers: ADMIN });
    const { key } = (await made.json()) as { key: string };
    vi.spyOn(globalThis, 'fetch').mockImplementation(
      async () =>
        new Response('<script>alert(1)</script>', {
          headers: {
            'content-type': 'text/html',
            'content-security-policy': "default-src *; script-src 'unsafe-inline' *",
            'x-content-type-options': 'none',
            'set-cookie': 'session=1',
            'cache-control': 'max-age=60',
          },
        }),
    );
    const answer = await call('/v1/backends/tool/page', {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(await answer.text()).toBe('<script>alert(1)</script>');
    expect(answer.headers.get('content-security-policy')).toBe(CSP);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('set-cookie')).toBeNull();
    // The endpoint decides how long an answer may be cached, but not that shared caches may store
    // it.
    expect(answer.headers.get('cache-control')).toBe('private, max-age=60');
  });

  it('may have a policy of its own if it is a page of the dispatcher', () => {
    const own = "default-src 'none'; script-src 'self'";
    const headers = new Headers({
      'content-security-policy': own,
      'cache-control': 'no-cache',
      'x-content-type-options': 'x',
    });
    addSecurityHeaders(headers);
    expect(headers.get('content-security-policy')).toBe(own);
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});
