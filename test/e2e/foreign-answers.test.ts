/**
 * Answers as engines and proxies really write them: errors within a success, in forms of others, under
 * other types, in bytes that are no text. What is told to clients is what the endpoint said.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

type Behaviour = (res: ServerResponse) => void;

const GOOD = { choices: [{ index: 0, message: { content: 'ok' }, finish_reason: 'stop' }] };
const EVENTS =
  'data: {"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

let dispatcher: Dispatcher;
let url: string;
/** The endpoint that answers as a test says, and one that answers well. */
let behave: Behaviour = () => {};
const odd = createServer((req, res) => void req.resume().once('end', () => behave(res)));
const fine = createServer((req, res) => {
  let text = '';
  req.on('data', (part) => {
    text += part;
  });
  req.once('end', () => (text.includes('"stream":true') ? events(EVENTS) : json(200, GOOD))(res));
});
let tenants = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = dispatcher.workerd.url;
  for (const server of [odd, fine]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost/);
  await dispatcher.close();
  for (const server of [odd, fine]) {
    server.closeAllConnections();
    server.close();
  }
});

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Behaviour =>
  (res) =>
    void res
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
const events =
  (text: string, type = 'text/event-stream'): Behaviour =>
  (res) =>
    void res.writeHead(200, { 'content-type': type }).end(text);

const urlOf = (server: typeof odd) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A tenant with the odd endpoint, which is asked first, and with the other one where it says so. */
async function clientOf({ both = false, ...settings }: { both?: boolean } & object = {}) {
  tenants += 1;
  const tenant = `foreign-${tenants}`;
  const endpoints = [
    { url: urlOf(odd), slots: 1 },
    ...(both ? [{ url: urlOf(fine), slots: 1 }] : []),
  ];
  const key = await dispatcher.tenant(tenant, {
    backends: { m: { models: ['m'], endpoints, ...settings } },
  });
  const call = (changes: object = {}, path = '/chat/completions', headers = {}) =>
    fetch(`${url}/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({
        model: 'm',
        messages: [{ role: 'user', content: 'x' }],
        max_tokens: 9,
        ...changes,
      }),
    });
  const idle = () =>
    until(
      () => statusOf(url, tenant),
      (s) => s.m?.running === 0 && s.m.waiting === 0,
    );
  return { call, idle };
}

const ERROR = { message: 'out of memory', type: 'server_error', param: null, code: 500 };

describe('an error within a success', () => {
  it.each([
    ['an object', false, json(200, { error: ERROR })],
    ['an object of RunPod', false, json(200, { object: 'error', message: 'x', code: 500 })],
    ['an object of a job that timed out', false, json(200, { id: 'x', status: 'TIMED_OUT' })],
    ['a flag', false, json(200, { error: true, message: 'x' })],
    ['a long object', false, json(200, { error: { ...ERROR, message: 'x'.repeat(200_000) } })],
    ['an event', true, events(`data: ${JSON.stringify({ error: ERROR })}\n\ndata: [DONE]\n\n`)],
    [
      'an event behind the role',
      true,
      events(
        `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\ndata: ${JSON.stringify({ choices: [], error: ERROR })}\n\n`,
      ),
    ],
    ['a stream of nothing', true, events(': hello\n\n')],
  ])('is an attempt that failed: %s', async (_what, stream, answer) => {
    behave = answer;
    const { call, idle } = await clientOf({ both: true });
    const served = await call({ stream });
    expect(served.status).toBe(200);
    expect(served.headers.get('x-talaria-attempts')).toBe('2');
    expect(await served.text()).toContain('"ok"');
    await idle();
  });

  it('has the status that it stands for, and its own words', async () => {
    const { call, idle } = await clientOf();
    const own = { error: { message: 'too long', type: 'BadRequestError', param: 'x', code: 400 } };
    for (const [stream, answer] of [
      [false, json(200, own)],
      [true, events(`data: ${JSON.stringify(own)}\n\ndata: [DONE]\n\n`)],
    ] as const) {
      behave = answer;
      const refused = await call({ stream });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toEqual(own);
    }
    behave = json(200, { error: ERROR });
    const failed = await call();
    expect(failed.status).toBe(502);
    expect(await failed.text()).toContain('out of memory');
    await idle();
  });

  it('is not kept for an idempotency key', async () => {
    const { call } = await clientOf();
    behave = json(200, { error: ERROR });
    const headers = { 'idempotency-key': 'k' };
    expect((await call({}, '/chat/completions', headers)).status).toBe(502);
    behave = json(200, GOOD);
    const second = await call({}, '/chat/completions', headers);
    expect(await second.json()).toEqual(GOOD);
    expect(second.headers.get('idempotent-replayed')).toBeNull();
  });

  it('after content passes as it came, once', async () => {
    const { call, idle } = await clientOf();
    const told = `data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: ${JSON.stringify({ error: ERROR })}\n\n`;
    behave = events(told);
    expect(await (await call({ stream: true })).text()).toBe(told);
    await idle();
  });
});

describe('an error on /v1/messages', () => {
  it.each([
    [
      'vLLM',
      '{"object":"error","message":"W","type":"BadRequestError","code":400}',
      'application/json',
    ],
    ['FastAPI', '{"detail":"W"}', 'application/json; charset=utf-8'],
    ['problem+json', '{"title":"W","status":400}', 'application/problem+json'],
    ['text', 'W', 'text/plain'],
    ['HTML', '<html><title>W</title></html>', 'text/html'],
    ['a JSON text', '{"error":"W"}', 'application/json'],
  ])('of %s has the form of Anthropic, and its words', async (_from, body, type) => {
    const { call } = await clientOf();
    behave = json(400, body, { 'content-type': type });
    const answer = await call({}, '/messages');
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'W' },
    });
  });
});

describe('a fault that an engine finds with the request', () => {
  it('is told as a wrong request, and counts for nothing', async () => {
    const { call, idle } = await clientOf({ both: true });
    const message = "Failed to parse tools: Expected 'tools' to be an array";
    const own = { error: { code: 500, message, type: 'server_error' } };
    for (const stream of [false, true]) {
      for (let i = 0; i < 4; i += 1) {
        behave = json(500, own);
        const refused = await call({ stream });
        expect(refused.status).toBe(400);
        // The endpoint is asked each time, and the other one never.
        expect(refused.headers.get('x-talaria-attempts')).toBe('1');
        expect(await refused.json()).toEqual(own);
      }
    }
    await idle();
  });
});

describe('an endpoint that is busy', () => {
  it.each([
    ['as a date', () => ({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })],
    ['in milliseconds', () => ({ 'retry-after-ms': '60000' })],
    ['in seconds', () => ({ 'retry-after': '60' })],
  ])('is left alone for as long as it says %s', async (_how, headers) => {
    const { call } = await clientOf();
    let calls = 0;
    behave = (res) => {
      calls += 1;
      json(529, { type: 'error', error: { type: 'overloaded_error' } }, headers())(res);
    };
    const refused = await call({}, '/messages');
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(55);
    expect(await refused.json()).toMatchObject({ error: { type: 'overloaded_error' } });
    expect(calls).toBe(1);
  });
});

describe('a stream that has waited', () => {
  const waits = { keepAliveAfterMs: 50 };
  const later =
    (answer: Behaviour): Behaviour =>
    (res) =>
      void setTimeout(() => answer(res), 300);

  it("keeps the endpoint's own error, with all that stands in it", async () => {
    const { call, idle } = await clientOf(waits);
    const own = { message: 'W', type: 'exceed_context_size_error', code: 400, n_ctx: 2048 };
    behave = later(json(400, { error: own }));
    const answer = await call({ stream: true });
    expect(answer.status).toBe(200);
    const data = /^data: (.*)$/m.exec(await answer.text())?.[1] ?? '';
    expect(JSON.parse(data).error).toEqual({ ...own, param: null });
    await idle();
  });

  it('gets an answer in one piece as events', async () => {
    const { call, idle } = await clientOf(waits);
    behave = later(json(200, GOOD));
    const text = await (await call({ stream: true })).text();
    expect(text).toContain('"delta":{"content":"ok"}');
    expect(text).toMatch(/data: \[DONE\]\n\n$/);
    await idle();
  });

  it('breaks off where another attempt may succeed, as plain JSON does', async () => {
    const { call, idle } = await clientOf(waits);
    behave = later(json(500, { error: ERROR }));
    await expect((await call({ stream: true })).text()).rejects.toThrow();
    await expect((await call()).text()).rejects.toThrow();
    behave = later(json(400, { detail: 'W' }));
    expect(await (await call()).json()).toMatchObject({ error: { message: 'W' } });
    await idle();
  });
});

describe('what an endpoint calls its answer', () => {
  it.each(['Text/Event-Stream; charset=utf-8', 'text/plain', 'application/octet-stream'])(
    'a stream may have the type %s',
    async (type) => {
      const { call } = await clientOf();
      behave = events(EVENTS, type);
      const answer = await call({ stream: true });
      expect(answer.headers.get('content-type')).toBe('text/event-stream');
      expect(await answer.text()).toBe(EVENTS);
    },
  );

  it.each(['gzip', 'GZIP', 'Identity', ''])('a coding may be written %j', async (coding) => {
    const { call } = await clientOf();
    const bytes = Buffer.from(JSON.stringify(GOOD));
    const body = /gzip/i.test(coding) ? gzipSync(bytes) : bytes;
    behave = (res) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': coding };
      res.writeHead(200, headers).end(body);
    };
    const answer = await call();
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(GOOD);
  });

  it('bytes that are no text pass as they are', async () => {
    const { call } = await clientOf();
    const bytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 0xfe, 10, 10]);
    for (const [status, path] of [
      [200, '/chat/completions'],
      [422, '/chat/completions'],
      [422, '/messages'],
    ] as const) {
      behave = (res) => {
        res.writeHead(status, { 'content-type': 'text/event-stream', 'content-encoding': 'zstd' });
        res.end(bytes);
      };
      const answer = await call({ stream: true }, path, { 'accept-encoding': 'identity' });
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-encoding')).toBe('zstd');
    }
  });
});
