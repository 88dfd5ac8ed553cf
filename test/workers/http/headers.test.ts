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
    new Headers(upstreamHeaders(new Headers(headers), { authorization: 'Bearer of-the-endpoint' }));

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
    ...[
      'x-forwarded',
      'x-forwarded-by',
      'x-forwarded-client-cert',
      'x-forward-for',
      'forwarded-for',
    ],
    ...['client-ip', 'x-clientip', 'x-cluster-client-ip', 'x-proxyuser-ip', 'real-ip', 'x-true-ip'],
    ...[
      'x-remote-addr',
      'x-remote-ip',
      'x-remote-user',
      'remote-user',
      'remote-groups',
      'x-source-ip',
    ],
    ...[
      'x-originating-ip',
      'x-custom-ip-authorization',
      'x-host',
      'x-http-host-override',
      'x-host-override',
    ],
    ...[
      'x-original-host',
      'x-original-uri',
      'x-override-url',
      'x-http-method',
      'x-http-method-override',
    ],
    ...[
      'x-method-override',
      'x-envoy-external-address',
      'x-envoy-original-path',
      'x-scheme',
      'x-url-scheme',
    ],
    ...[
      'front-end-https',
      'x-ssl-client-cert',
      'ssl-client-verify',
      'client-cert',
      'x-client-cert',
      'proxy',
    ],
    ...[
      'x-azure-clientip',
      'x-azure-socketip',
      'x-arr-clientcert',
      'x-ms-client-principal',
      'fly-client-ip',
    ],
    ...[
      'x-ms-client-principal-name',
      'x-ms-token-aad-access-token',
      'x-amzn-oidc-identity',
      'x-amzn-oidc-data',
    ],
    ...[
      'x-goog-iap-jwt-assertion',
      'x-goog-authenticated-user-email',
      'x-appengine-user-ip',
      'x-nf-client-connection-ip',
    ],
    ...[
      'x-vercel-forwarded-for',
      'x-vercel-protection-bypass',
      'fastly-client-ip',
      'akamai-origin-hop',
      'cloudfront-viewer-address',
    ],
    ...[
      'x-auth-request-user',
      'x-auth-request-email',
      'x-authenticated-user',
      'x-authentik-username',
      'x-webauth-user',
    ],
    ...[
      'x-consumer-id',
      'x-consumer-username',
      'x-credential-identifier',
      'x-user',
      'x-user-id',
      'x-user-email',
      'x-groups',
    ],
    ...[
      'x-pomerium-jwt-assertion',
      'tailscale-user-login',
      'oidc_claim_sub',
      'shib-identity-provider',
      'sm_user',
      'iv-user',
    ],
    ...[
      'x-middleware-subrequest',
      'x-nextjs-data',
      'x-accel-redirect',
      'x-sendfile',
      'destination',
      'max-forwards',
      'expect',
    ],
    ...[
      'l5d-dst-override',
      'x-istio-attributes',
      'x-kong-request-id',
      'x-jwt-payload',
      'x-id-token',
      'x-spiffe-id',
    ],
    ...[
      'x-portkey-api-key',
      'x-portkey-config',
      'x-litellm-api-key',
      'x-litellm-key',
      'helicone-auth',
      'Helicone-Property-App',
    ],
    ...[
      'x-goog-api-key',
      'x-bf-vk',
      'ocp-apim-subscription-key',
      'x-functions-key',
      'x-rapidapi-key',
      'x-vault-token',
    ],
    ...[
      'private-token',
      'x-access-token',
      'x-auth-token',
      'x-authorization',
      'apikey',
      'x-apikey',
      'x-amz-security-token',
      'dpop',
    ],
    // Servers that hand headers on as variables take these for each other.
    ...[
      'x_forwarded_for',
      'X_Forwarded-For',
      'x_remote_user',
      'api_key',
      'x.forwarded.for',
      'x_http_method_override',
    ],
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
    const ofTheClient = new Headers({ authorization: 'Bearer of-the-client' });
    const none = new Headers(upstreamHeaders(ofTheClient, {}));
    expect(none.has('authorization')).toBe(false);
  });

  it.each([
    'content-type',
    'anthropic-version',
    'openai-beta',
    'traceparent',
    'x-request-id',
    'accept',
    ...[
      'http-referer',
      'x-title',
      'x-client-request-id',
      'openai-organization',
      'x-stainless-lang',
    ],
    ...[
      'anthropic-beta',
      'baggage',
      'tracestate',
      'x-b3-traceid',
      'user-agent',
      'x-session-id',
      'if-none-match',
    ],
    ...[
      'range',
      'accept-language',
      'x-scope-orgid',
      'x-amzn-bedrock-guardrailidentifier',
      'x-custom',
    ],
    ...[
      'x-dynamo-request-priority',
      'x-claude-code-session-id',
      'x-trace',
      'x-hostname-hint',
      'x-viaduct',
    ],
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
    new Headers(
      answerHeaders(new Headers(headers), { 'x-talaria-call': 'ours', 'x-request-id': 'ours' }),
    );

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
    ...[
      'permissions-policy',
      'speculation-rules',
      'origin-agent-cluster',
      'accept-ch',
      'use-as-dictionary',
    ],
    ...[
      'x-accel-redirect',
      'x-sendfile',
      'cross-origin-opener-policy',
      'x-permitted-cross-domain-policies',
    ],
    ...[
      'cdn-cache-control',
      'cloudflare-cdn-cache-control',
      'netlify-cdn-cache-control',
      'surrogate-control',
    ],
    ...[
      'vercel-cdn-cache-control',
      'surrogate-key',
      'cache-tag',
      'cache-tags',
      'edge-control',
      'edge-cache-tag',
    ],
    ...[
      'x-accel-expires',
      'x-litespeed-cache-control',
      'x-cache',
      'x-cache-hits',
      'xkey',
      'no-vary-search',
    ],
    ...[
      'expires',
      'age',
      'pragma',
      'warning',
      'vary',
      'cache-control',
      'akamai-cache-status',
      'fastly-debug',
    ],
  ])('does not reach the client: %s', (name) => {
    expect(passed({ [name]: 'spoofed' }).has(name)).toBe(false);
  });

  it('that Connection names does not reach the client', () => {
    const headers = passed({ connection: 'x-hop', 'x-hop': '1', 'x-end': '2' });
    expect([headers.get('x-hop'), headers.get('x-end')]).toEqual([null, '2']);
  });

  it('gives the encoding of its body, unless the platform has decoded it', () => {
    const encoding = (name: string) => passed({ 'content-encoding': name }).get('content-encoding');
    // The platform decodes only what is written in lower case.
    expect(['gzip', 'br', 'BR'].map(encoding)).toEqual([null, null, 'BR']);
    expect(['zstd', 'deflate', 'gzip, br'].map(encoding)).toEqual(['zstd', 'deflate', 'gzip, br']);
  });

  it.each([
    ['max-age=60', 'private, max-age=60'],
    ['public, max-age=60', 'private, max-age=60'],
    ['s-maxage=600, max-age=60, proxy-revalidate', 'private, max-age=60'],
    ['PUBLIC, Max-Age="60", immutable', 'private, max-age=60, immutable'],
    ['private="set-cookie", max-age=60', 'private, max-age=60'],
    ['no-cache="x-y", max-age=5', 'private, no-cache, max-age=5'],
    ['no-cache', 'private, no-cache'],
    [
      'max-age=60, must-revalidate, stale-while-revalidate=9',
      'private, max-age=60, must-revalidate, stale-while-revalidate=9',
    ],
    ['max-age=60, max-age=60', 'private, max-age=60'],
    ['no-store', null],
    ['public, no-store, max-age=60', null],
    ['public', null],
    ['s-maxage=600', null],
    ['max-age', null],
    ['max-age=-1', null],
    ['max-age=1e9', null],
    ['max-age=60;public', null],
    ['', null],
  ])('of caching is for the client alone: %s', (given, expected) => {
    const headers = passed({ 'cache-control': given });
    expect(headers.get('cache-control')).toBe(expected);
    expect(headers.has('vary')).toBe(expected !== null);
  });

  it('of caching tells answers to several keys apart', () => {
    const vary = (given: string) =>
      passed({ 'cache-control': 'max-age=1', vary: given }).get('vary');
    expect(vary('Accept, AUTHORIZATION')).toBe('authorization, x-api-key, api-key, accept');
    expect(vary('*')).toBe('authorization, x-api-key, api-key, *');
    expect(vary('not a name, x')).toBe('authorization, x-api-key, api-key, x');
  });

  it("that has the endpoint's key, in any form, is dropped", () => {
    const key = 'sk-of-the-endpoint/123';
    const passed = answerHeaders(
      new Headers({
        'x-plain': `Bearer ${key}`,
        'x-url': `?key=${encodeURIComponent(key)}`,
        'x-base64': btoa(`user:${key}`),
        location: `/x?${encodeURIComponent(`token=${key}`)}`,
        [`x-${key.replace('/', '-')}`]: '1',
        'x-other': 'sk-of-somebody-else/123',
      }),
      {},
      key,
    );
    const headers = new Headers(passed);
    expect([...headers.keys()]).toEqual(['x-other']);
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
