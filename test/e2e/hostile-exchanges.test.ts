/**
 * Methods and paths that no honest client needs, and answers that no honest endpoint gives, on raw
 * sockets: each gets an answer of ours, and the endpoint's key stays where it is.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const TENANT = 'exchanges';
const SECRET = 'sk-of-the-endpoint/1234567890+abc';
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}';

let dispatcher: Dispatcher;
let server: Server;
let key: string;
let config: object;
let tenants = 0;
let reached: string[] = [];
/** What the endpoint answers, as bytes, after which it ends the connection. */
let answer: (request: string) => string = () => OK;

beforeAll(async () => {
  dispatcher = await startDispatcher({ GPU_KEY: SECRET });
  server = createServer((socket: Socket) => {
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      received += data.toString('latin1');
      const [head = ''] = received.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (!received.includes('\r\n\r\n') || received.length < head.length + 4 + length) return;
      reached.push(head);
      socket.end(Buffer.from(answer(received), 'latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`;
  const endpoints = [{ url, auth: { secret: 'GPU_KEY' } }];
  config = { backends: { m: { models: ['m'], endpoints }, tool: { endpoints } } };
  key = await dispatcher.tenant(TENANT, config);
});

afterAll(async () => {
  await until(
    () => statusOf(dispatcher.workerd.url, TENANT),
    (s) => Object.values(s).every((b) => b.running === 0 && b.waiting === 0),
  );
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  expect(dispatcher.workerd.log()).not.toContain(SECRET);
  await dispatcher.close();
  server.close();
});

beforeEach(() => {
  reached = [];
  answer = () => OK;
});

/** Sends one request as it is; what comes back until the connection ends. */
function raw(
  method: string,
  path: string,
  lines: readonly string[] = [],
  body = '',
): Promise<string> {
  const { hostname, port } = new URL(dispatcher.workerd.url);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname);
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on('data', (data) => {
      received += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(received));
    const own = ['host: t', `content-length: ${body.length}`, 'connection: close', ...lines];
    const all = lines.some((line) => line.startsWith('authorization'))
      ? own
      : [...own, `authorization: Bearer ${key}`];
    socket.write(
      Buffer.from(`${method} ${path} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`, 'latin1'),
    );
  });
}

const statusIn = (received: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1]);

describe('a method that nobody needs', () => {
  const METHODS = ['TRACE', 'TRACK', 'CONNECT', 'DEBUG', 'PURGE', 'COPY', 'MOVE', 'LOCK', 'MKCOL'];
  const MORE = [
    'PROPFIND',
    'PROPPATCH',
    'UNLOCK',
    'SEARCH',
    'BAN',
    'SUBSCRIBE',
    'get',
    'FOO',
    'TRACE ',
  ];
  const PATHS = [
    '/v1/backends/tool/z',
    '/v1/chat/completions',
    '/v1/messages',
    '/healthz',
    '/none',
  ];

  it.each([...METHODS, ...MORE])('%s reaches no endpoint, at no path', async (method) => {
    answer = (request) => `HTTP/1.1 200 OK\r\ncontent-length: ${request.length}\r\n\r\n${request}`;
    for (const path of [...PATHS, '/admin/tenants/exchanges']) {
      const token = path.startsWith('/admin') ? [`authorization: Bearer ${ADMIN_TOKEN}`] : [];
      const received = await raw(method, path, token);
      expect(received).not.toContain(SECRET);
      expect(statusIn(received)).toBeGreaterThanOrEqual(400);
    }
    expect(reached).toEqual([]);
  });

  it.each(PATHS)('TRACE is told which are taken at %s', async (path) => {
    const received = await raw('TRACE', path);
    expect(received).toMatch(/^HTTP\/1\.1 405 /);
    expect(received).toMatch(/\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n/i);
    expect(received).toContain(
      path === '/v1/messages' ? 'invalid_request_error' : 'method_not_allowed',
    );
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    '%s is no such',
    async (method) => {
      const received = await raw(method, '/v1/backends/tool/z');
      expect(statusIn(received)).toBe(200);
      expect(reached).toHaveLength(1);
      expect(reached[0]).toMatch(new RegExp(`^${method} /prefix/z `));
    },
  );

  it('cannot be asked for in a header either', async () => {
    const lines = [
      'x-http-method-override: TRACE',
      'X-HTTP-Method: DELETE',
      'x_forwarded_for: 1.2.3.4',
    ];
    await raw(
      'POST',
      '/v1/backends/tool/z',
      [...lines, 'Client-IP: 1.2.3.4', 'X-Remote-User: root'],
      '{}',
    );
    expect(reached).toHaveLength(1);
    expect(reached[0]).not.toMatch(/override|x-http|forwarded|client-ip|remote/i);
  });
});

describe('a path of a tool', () => {
  it.each([
    '/..%2f..%2fadmin',
    '/..%5c..%5cadmin',
    '/%252e%252e%252fadmin',
    '/..;/admin',
    '//evil.example/x',
    '/%2fadmin',
    '/a/..%2f..%2f..%2fadmin',
    '/%c0%ae%c0%ae%c0%afadmin',
    '/a%00',
  ])('that may lead out of its prefix is refused: %s', async (path) => {
    const received = await raw('GET', `/v1/backends/tool${path}`);
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(received).toContain('"param":"path"');
    expect(reached).toEqual([]);
  });

  it.each(['/../x', '/%2e%2e/x', '/./../../x', '/a/../../x', '\\..\\x'])(
    'that leads out by itself is none of the tool: %s',
    async (path) => {
      const received = await raw('GET', `/v1/backends/tool${path}`);
      expect([400, 404]).toContain(statusIn(received));
      expect(reached).toEqual([]);
    },
  );

  it.each(['/group%2Fproject', '/https://example.com/x.html', '/a%20b;v=1/c?d=%2e%2e%2f'])(
    'that stays inside arrives as it is: %s',
    async (path) => {
      expect(statusIn(await raw('GET', `/v1/backends/tool${path}`))).toBe(200);
      expect(reached[0]).toContain(`GET /prefix${path} HTTP/1.1`);
    },
  );
});

describe('an answer of an endpoint', () => {
  const CHAT = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });
  const calls: Array<[string, (lines: string[]) => Promise<string>]> = [
    ['a tool', (lines) => raw('GET', '/v1/backends/tool/z', lines)],
    ['a model', (lines) => raw('POST', '/v1/chat/completions', lines, CHAT)],
  ];
  const LINES = [
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 102 Processing\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n',
    'HTTP/1.1 199 Odd\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 000 None\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 099 Low\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 600 High\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 999 High\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 1000 Long\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 20 Short\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 abc None\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1 -1 Low\r\ncontent-length: 2\r\n\r\n{}',
    'HTTP/1.1\r\n\r\n',
    'nonsense',
    '',
  ];
  const cases = calls.flatMap(([what, call]) => LINES.map((line) => ({ what, call, line })));

  it.each(cases)(
    'to $what that is none is a fault of the endpoint: $line',
    async ({ call, line }) => {
      answer = () => line;
      // Of its own, since an endpoint that has failed rests.
      tenants += 1;
      const own = await dispatcher.tenant(`odd-${tenants}`, config);
      expect(statusIn(await call([`authorization: Bearer ${own}`]))).toBe(502);
    },
  );

  it.each([204, 205, 304])('without a body is one, also where it has one: %i', async (status) => {
    answer = () => `HTTP/1.1 ${status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`;
    const received = await until(
      () => raw('GET', '/v1/backends/tool/z'),
      (text) => statusIn(text) !== 503,
    );
    expect(statusIn(received)).toBe(status);
  });

  it.each([
    ['as it is', SECRET],
    ['in JSON', JSON.stringify({ error: SECRET }).replaceAll('/', '\\/')],
    ['in a URL', encodeURIComponent(SECRET)],
    ['in base64', Buffer.from(`Bearer ${SECRET}`).toString('base64')],
    ['at the cut', 'x'.repeat(65_530) + SECRET + 'y'.repeat(100)],
  ])('that is an error has no key in it, %s', async (_how, text) => {
    answer = () =>
      `HTTP/1.1 422 No\r\nx-key: ${text.slice(-200)}\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    const received = await until(
      () => raw('GET', '/v1/backends/tool/z'),
      (answered) => statusIn(answered) !== 503,
    );
    expect(statusIn(received)).toBe(422);
    expect(received).not.toContain('sk-of-the');
    expect(received).not.toContain('sk-of-the-endpoint\\');
    expect(decodeURIComponent(received.replace(/%(?![0-9a-f]{2})/gi, ''))).not.toContain(
      'sk-of-the',
    );
    expect(received).not.toContain(Buffer.from(`Bearer ${SECRET}`).toString('base64').slice(8, 24));
    expect(received).not.toContain('x-key');
  });

  it('is for no cache that several clients share', async () => {
    answer = () =>
      [
        'HTTP/1.1 200 OK',
        'cache-control: public, s-maxage=600, max-age=60',
        'cdn-cache-control: max-age=600',
        'cloudflare-cdn-cache-control: max-age=600',
        'surrogate-control: max-age=600',
        'cache-tag: t',
        'expires: Fri, 01 Jan 2100 00:00:00 GMT',
        'age: 5',
        'vary: accept',
        'content-length: 2',
        '',
        '{}',
      ].join('\r\n');
    const received = await until(
      () => raw('GET', '/v1/backends/tool/z'),
      (text) => statusIn(text) !== 503,
    );
    expect(received).toMatch(/\r\ncache-control: private, max-age=60\r\n/i);
    expect(received).toMatch(/\r\nvary: authorization, x-api-key, api-key, accept\r\n/i);
    expect(received).not.toMatch(/s-maxage|surrogate|cache-tag|\r\nexpires|\r\nage|cdn-cache/i);
  });
});
