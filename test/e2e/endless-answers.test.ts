/**
 * Answers of 300 MB to requests that need a few words: they are read up to a limit and cancelled,
 * for every kind of request. Measured at the endpoint, in bytes that it could send.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

const WHOLE_BYTES = 300_000_000;
/** The most bytes that sockets, pipes and the limit of a read can take together. */
const MOST_BYTES = 20_000_000;
const PIECE = Buffer.alloc(65_536, 'x');

interface Sent {
  readonly what: string;
  bytes: number;
  closed: boolean;
}

let dispatcher: Dispatcher;
let server: Server;
let url: string;
let sent: Sent[] = [];
/** Requests that are held back; each function answers one. */
let held: Array<() => void> = [];
let holds = false;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      const answer = () => pour(res, `${req.method} ${req.url}`);
      if (holds) held.push(answer);
      else answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  sent = [];
  held = [];
  holds = false;
});

/** Answers 200 with a body of 300 MB, as fast as the connection takes it. */
function pour(res: ServerResponse, what: string): void {
  const entry: Sent = { what, bytes: 0, closed: false };
  sent.push(entry);
  res.on('error', () => {});
  res.once('close', () => {
    entry.closed = true;
  });
  res.writeHead(200, { 'content-type': 'application/json' });
  const more = () => {
    while (!entry.closed && entry.bytes < WHOLE_BYTES) {
      entry.bytes += PIECE.length;
      if (!res.write(PIECE)) return void res.once('drain', more);
    }
    res.end();
  };
  more();
}

function post(key: string, path: string, body: object): Promise<Response> {
  return fetch(`${dispatcher.workerd.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
}

async function cancelled(what: string): Promise<void> {
  const entry = await until(
    () => sent.find((s) => s.what === what),
    (s) => s?.closed === true,
  );
  expect(entry?.bytes).toBeLessThan(MOST_BYTES);
}

const MESSAGES = [{ role: 'user', content: 'x' }];

it('a token count', async () => {
  const backends = { m: { models: ['m'], endpoints: [{ url: `${url}/v1` }] } };
  const key = await dispatcher.tenant('endless-count', { backends });
  const answer = await post(key, '/v1/messages/count_tokens', { model: 'm', messages: MESSAGES });
  expect(answer.status).toBe(502);
  expect((await answer.json()).error.message).toContain('longer than 65536 bytes');
  await cancelled('POST /v1/messages/count_tokens');
});

it('the wake of a tool', async () => {
  const coldStart = { estimateMs: 1_000, wakePath: '/wake' };
  const endpoints = [{ url: `${url}/tool`, coldStart }];
  const key = await dispatcher.tenant('endless-wake', { backends: { tool: { endpoints } } });
  const call = await fetch(`${dispatcher.workerd.url}/v1/backends/tool/x`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(call.status).toBe(200);
  await call.body?.cancel();
  await cancelled('POST /wake');
  await cancelled('GET /tool');
});

it('a call for a stream that waited for its slot', async () => {
  holds = true;
  const endpoints = [{ url: `${url}/v1`, slots: 1 }];
  const backends = { m: { models: ['m'], endpoints, queueCommentsAfterMs: 1 } };
  const key = await dispatcher.tenant('endless-stream', { backends });
  const body = { model: 'm', stream: true, messages: MESSAGES };
  const first = post(key, '/v1/chat/completions', { ...body, stream: false });
  await until(
    () => held.length,
    (n) => n === 1,
  );
  const second = await post(key, '/v1/chat/completions', body);
  expect(second.headers.get('content-type')).toContain('text/event-stream');
  holds = false;
  held.shift()?.();
  await (await first).body?.cancel();
  expect(await second.text()).toContain('The endpoint answered without a stream.');
  await until(
    () => sent.length === 2 && sent.every((s) => s.closed),
    (done) => done,
  );
  for (const { bytes } of sent) expect(bytes).toBeLessThan(MOST_BYTES);
});
