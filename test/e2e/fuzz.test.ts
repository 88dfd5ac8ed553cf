/**
 * Random damage to valid requests, from a seed: each request is served or gets an error in the
 * API's own form, nothing fails internally, and no slot is lost. The message of a failure has the
 * seed and the request's number; TALARIA_FUZZ_SEED sets another seed.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/core/learning/random.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const TENANT = 'fuzz';
const SEED = Number(process.env.TALARIA_FUZZ_SEED ?? 4);
const REQUESTS = 1_500;
const AT_A_TIME = 25;

let dispatcher: Dispatcher;
let server: Server;
let key: string;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  key = await dispatcher.tenant(TENANT, {
    backends: {
      m: { models: ['m'], endpoints: [{ url, slots: 8 }], queue: { maxWaitMs: 60_000 } },
      tool: { endpoints: [{ url, slots: 8 }] },
    },
    limits: { bodyBytes: 100_000 },
  });
});

afterAll(async () => {
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer> | undefined;
}

const SYSTEM = { role: 'system', content: 'You are terse.' };
const USER = { role: 'user', content: [{ type: 'text', text: 'Hello' }] };
const TOOLS = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];

/** Requests that are valid as they are. */
const GOOD: ReadonlyArray<{ method: string; path: string; body?: object }> = [
  {
    method: 'POST',
    path: '/v1/chat/completions',
    body: {
      model: 'm',
      messages: [SYSTEM, USER, { role: 'assistant', content: null, tool_calls: [] }],
      tools: TOOLS,
      max_tokens: 4,
      temperature: 0.5,
      user: 'u-1',
      metadata: { talaria_app: 'a' },
      response_format: { type: 'json_object' },
    },
  },
  { method: 'POST', path: '/v1/chat/completions', body: { model: 'm', messages: [USER] } },
  { method: 'POST', path: '/v1/completions', body: { model: 'm', prompt: ['a', 'b'], n: 2 } },
  { method: 'POST', path: '/v1/embeddings', body: { model: 'm', input: 'text', user: 'u' } },
  {
    method: 'POST',
    path: '/v1/responses',
    body: { model: 'm', instructions: 'Be terse.', input: [USER], tools: TOOLS },
  },
  {
    method: 'POST',
    path: '/v1/messages',
    body: { model: 'm', max_tokens: 4, system: 'Be terse.', messages: [USER] },
  },
  { method: 'POST', path: '/v1/messages/count_tokens', body: { model: 'm', messages: [USER] } },
  { method: 'POST', path: '/v1/images/generations', body: { model: 'm', prompt: 'a cat' } },
  { method: 'POST', path: '/v1/audio/speech', body: { model: 'm', input: 'hi', voice: 'v' } },
  { method: 'POST', path: '/v1/backends/tool/search?q=1', body: { query: 'x' } },
  { method: 'GET', path: '/v1/backends/tool/search' },
  { method: 'POST', path: '/v1/runs/r/events', body: { type: 'unit_begin', unit: 'u', app: 'a' } },
  { method: 'POST', path: '/v1/runs/r/finish' },
  { method: 'GET', path: '/v1/calls/some-call-id' },
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: '/v1/models/m' },
];

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  1.5,
  '',
  'x',
  '\u0000',
  '\ud800',
  '__proto__',
  'x'.repeat(5_000),
  [],
  [null],
  [[[]]],
  {},
  { constructor: 1 },
  { role: 'user' },
];
const ODD_HEADERS: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['content-type', ['', 'text/plain', 'multipart/form-data', 'application/json; charset=x', ';;']],
  ['content-encoding', ['gzip', 'br', 'nonsense']],
  ['accept', ['text/event-stream', '*/*;q=x', '']],
  ['authorization', ['', 'Bearer', 'Bearer x', 'Basic x', 'Bearer '.repeat(50)]],
  ['x-api-key', ['x', '']],
  ['anthropic-version', ['2023-06-01', 'never']],
  ['idempotency-key', ['a', 'b', '', 'x'.repeat(300)]],
  ['x-talaria-app', ['', 'a', 'x'.repeat(200), '__proto__']],
  ['x-talaria-run', ['', 'r', 'x'.repeat(200), 'constructor']],
  ['x-talaria-unit', ['', 'u', '\u00e9']],
  ['x-talaria-run-final', ['true', 'maybe', '']],
  ['x-talaria-deadline-ms', ['1', '-1', 'x', '1e400', '']],
  ['x-talaria-max-wait-ms', ['60000', '0', 'NaN', '']],
  ['x-dynamo-session-id', ['d', '']],
  ['x-dynamo-parent-session-id', ['d', 'p', '']],
  ['x-dynamo-session-final', ['true', 'x']],
  ['x-claude-code-session-id', ['c', '\u00ff']],
  ['x-session-id', ['s', '__proto__']],
  ['traceparent', ['00-x', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, '-']],
  ['x-stainless-retry-count', ['1', '-1', 'x', '999999999999']],
  ['x-stainless-timeout', ['1', '-1', 'x']],
  ['x-request-id', ['abcdefgh', 'x', ' ']],
];
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** A valid request with up to three random changes. */
function oddRequest(random: Random): Sent {
  const good = pick(random, GOOD);
  const sent: Sent = {
    method: good.method,
    path: good.path,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: good.body && JSON.stringify(good.body),
  };
  const changes = Math.floor(random() * 4);
  for (let i = 0; i < changes; i += 1) pick(random, CHANGES)(sent, random);
  if (sent.method === 'GET' || sent.method === 'HEAD') sent.body = undefined;
  return sent;
}

type Change = (sent: Sent, random: Random) => void;

const changeField: Change = (sent, random) => {
  const json = parsed(sent.body);
  if (typeof json !== 'object' || json === null) return;
  let place = json as Record<string, unknown>;
  // Descends into nested fields with a probability of 0.4 each time.
  for (;;) {
    const name = pick(random, Object.keys(place));
    const value = name === undefined ? undefined : place[name];
    if (name === undefined) return;
    if (typeof value === 'object' && value !== null && random() < 0.4) {
      place = value as Record<string, unknown>;
      continue;
    }
    if (random() < 0.3) delete place[name];
    else place[name] = pick(random, ODD_VALUES);
    sent.body = JSON.stringify(json);
    return;
  }
};

const changeHeader: Change = (sent, random) => {
  const [name, values] = pick(random, ODD_HEADERS);
  sent.headers[name] = pick(random, values);
};

const changeText: Change = (sent, random) => {
  if (typeof sent.body !== 'string') return;
  const at = Math.floor(random() * sent.body.length);
  const ways = [
    () => `${sent.body?.slice(0, at)}${sent.body?.slice(at + 1)}`,
    () => `${sent.body?.slice(0, at)}`,
    () => `${sent.body?.slice(0, at)}${pick(random, ['{', '[', '"', '\\', '\u0000', '1e999'])}`,
    () => `${sent.body}${sent.body}`,
    () => `\ufeff${sent.body}`,
    () => `${'['.repeat(20_000)}`,
    () => `${sent.body?.slice(0, at)}${'x'.repeat(150_000)}${sent.body?.slice(at)}`,
  ];
  sent.body = pick(random, ways)();
};

const changeBytes: Change = (sent, random) => {
  if (sent.body === undefined) return;
  const bytes = Uint8Array.from(Buffer.from(sent.body as string));
  if (bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  sent.body = bytes;
};

const changePath: Change = (sent, random) => {
  const ways = [
    () => `${sent.path}/`,
    () => `${sent.path}/x`,
    () => sent.path.replace('/v1', '/v1/'),
    () => sent.path.replace(/[a-z]$/, '%zz'),
    () => `${sent.path}?${'q='.repeat(50)}`,
    () => sent.path.replace('/r/', `/${'r'.repeat(300)}/`),
    () => sent.path.slice(0, -1),
  ];
  sent.path = pick(random, ways)();
};

const changeMethod: Change = (sent, random) => {
  sent.method = pick(random, METHODS);
};

const CHANGES: readonly Change[] = [
  changeField,
  changeField,
  changeField,
  changeHeader,
  changeHeader,
  changeText,
  changeBytes,
  changePath,
  changeMethod,
];

function parsed(body: Sent['body']): unknown {
  try {
    return typeof body === 'string' ? JSON.parse(body) : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with an answer; undefined if nothing is. */
async function problemOf(sent: Sent, response: Response): Promise<string | undefined> {
  const text = await response.text();
  if (response.status < 400) return undefined;
  if (response.status >= 500) return `status ${response.status}: ${text}`;
  if (sent.method === 'HEAD') return undefined;
  if (!response.headers.get('content-type')?.startsWith('application/json')) return 'no JSON';
  const error = (parsed(text) as { error?: Record<string, unknown> } | undefined)?.error;
  if (typeof error?.message !== 'string' || typeof error.type !== 'string') return `form: ${text}`;
  return response.headers.get('x-request-id') ? undefined : 'no request id';
}

it(`is served or told what is wrong, ${REQUESTS} times (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  const problems: string[] = [];
  const seen = new Map<number, number>();
  for (let n = 0; n < REQUESTS; n += AT_A_TIME) {
    const batch = Array.from({ length: AT_A_TIME }, (_, i) => ({
      number: n + i,
      sent: oddRequest(random),
    }));
    await Promise.all(
      batch.map(async ({ number, sent }) => {
        const { method, path, headers, body } = sent;
        const response = await fetch(`${dispatcher.workerd.url}${path}`, {
          method,
          headers,
          ...(body === undefined ? {} : { body }),
        });
        seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
        const problem = await problemOf(sent, response);
        if (problem) problems.push(`${number} ${method} ${path}: ${problem.slice(0, 300)}`);
      }),
    );
  }
  expect(problems).toEqual([]);
  // The mix is useful: many requests were served, and many were refused.
  expect(seen.get(200) ?? 0).toBeGreaterThan(REQUESTS / 10);
  expect(seen.get(400) ?? 0).toBeGreaterThan(REQUESTS / 10);
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  const status = await until(
    () => statusOf(dispatcher.workerd.url, TENANT),
    (s) => Object.values(s).every((b) => b.running === 0 && b.waiting === 0),
  );
  expect(status.m).toMatchObject({ running: 0, waiting: 0 });
});
