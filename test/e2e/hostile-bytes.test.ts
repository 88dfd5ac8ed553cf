/**
 * Bytes that no correct client sends, on raw sockets: requests that can be split in two ways
 * (request smuggling), headers that are folded, duplicated or malformed, bodies that are cut off.
 * Each gets one correct answer or none, nothing in a body is ever executed as a call, and no slot
 * stays taken.
 */
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const TENANT = 'hostile';
const CHAT = '/v1/chat/completions';
const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] });

/** Stands for the API key in the tables of cases, which are built before the key exists. */
const KEY_PLACE = '@key@';

let dispatcher: Dispatcher;
let server: Server;
let key: string;
/**
 * Calls that the endpoint received completely: the body of a tool call is relayed before its end is
 * known.
 */
let reached: string[] = [];

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      reached.push(`${req.method} ${req.url}`);
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  key = await dispatcher.tenant(TENANT, {
    backends: {
      m: { models: ['m'], endpoints: [{ url, slots: 2 }] },
      tool: { endpoints: [{ url, slots: 2 }] },
    },
  });
});

afterAll(async () => {
  await nothingHeld();
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  reached = [];
});

async function nothingHeld(): Promise<void> {
  await until(
    () => statusOf(dispatcher.workerd.url, TENANT),
    (s) => Object.values(s).every((b) => b.running === 0 && b.waiting === 0),
  );
}

/**
 * Sends raw bytes and ends the sending in one of three ways; returns what is received until the
 * connection ends.
 */
function raw(bytes: string, end: 'wait' | 'half-close' | 'reset' = 'wait'): Promise<string> {
  const { hostname, port } = new URL(dispatcher.workerd.url);
  return new Promise((resolve) => {
    let received = '';
    // Half open, so that an answer can be read after the client has ended its side.
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    // Only a request with `connection: close` makes the server end the connection.
    const patienceMs = bytes.includes('connection: close') ? 60_000 : 1_000;
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on('data', (data) => {
      received += data.toString();
    });
    socket.once('end', () => socket.destroy());
    socket.on('error', () => {});
    socket.once('close', () => resolve(received));
    socket.write(Buffer.from(bytes.replaceAll(KEY_PLACE, key), 'latin1'), () => {
      if (end === 'half-close') socket.end();
      if (end === 'reset') socket.resetAndDestroy();
    });
  });
}

function head(path: string, lines: readonly string[], method = 'POST'): string {
  const own = ['host: t', `authorization: Bearer ${KEY_PLACE}`, ...lines];
  return `${method} ${path} HTTP/1.1\r\n${own.join('\r\n')}\r\n\r\n`;
}

function statusesIn(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1]));
}

const SMUGGLED = head('/v1/backends/tool/smuggled', ['content-length: 0']);
const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const length = (text: string) => `content-length: ${Buffer.byteLength(text)}`;

describe('a request that can be split in two ways', () => {
  const cases: Array<[string, string]> = [
    [
      'a length and chunks',
      head(CHAT, [length(`0\r\n\r\n${SMUGGLED}`), 'transfer-encoding: chunked']) +
        `0\r\n\r\n${SMUGGLED}`,
    ],
    [
      'chunks and a length',
      head(CHAT, ['transfer-encoding: chunked', 'content-length: 4']) + chunked(BODY),
    ],
    [
      'two lengths that differ',
      head(CHAT, [length(BODY), `content-length: ${BODY.length + SMUGGLED.length}`]) +
        BODY +
        SMUGGLED,
    ],
    ['two lengths in one line', head(CHAT, [`content-length: ${BODY.length}, 5`]) + BODY],
    ['a length below 0', head(CHAT, ['content-length: -1']) + BODY],
    ['a length with a sign', head(CHAT, [`content-length: +${BODY.length}`]) + BODY],
    ['a length in hex', head(CHAT, [`content-length: 0x${BODY.length.toString(16)}`]) + BODY],
    ['a length beyond all numbers', head(CHAT, [`content-length: ${'9'.repeat(40)}`]) + BODY],
    ['an encoding that is none', head(CHAT, ['transfer-encoding: xchunked']) + chunked(BODY)],
    ['an encoding twice', head(CHAT, ['transfer-encoding: chunked, chunked']) + chunked(BODY)],
    ['an encoding with a tab', head(CHAT, ['transfer-encoding:\tchunked']) + chunked(BODY)],
    [
      'an encoding behind a space',
      head(CHAT, ['transfer-encoding : chunked', length(BODY)]) + BODY,
    ],
    ['a chunk that has no size', `${head(CHAT, ['transfer-encoding: chunked'])}zz\r\n${BODY}\r\n`],
    [
      'a chunk of a size beyond all numbers',
      `${head(CHAT, ['transfer-encoding: chunked'])}${'f'.repeat(20)}\r\n${BODY}\r\n0\r\n\r\n`,
    ],
    [
      'a chunk that is longer than it says',
      `${head(CHAT, ['transfer-encoding: chunked'])}2\r\n${BODY}\r\n0\r\n\r\n`,
    ],
    [
      'a folded header',
      head(CHAT, [length(BODY), 'x-talaria-app: a\r\n transfer-encoding: chunked']) + BODY,
    ],
    ['a header without a name', head(CHAT, [': x', length(BODY)]) + BODY],
    ['a header without a colon', head(CHAT, ['nonsense', length(BODY)]) + BODY],
    ['a NUL in a header', head(CHAT, ['x-talaria-app: a\u0000b', length(BODY)]) + BODY],
    ['a CR in a header', head(CHAT, ['x-talaria-app: a\rx-evil: 1', length(BODY)]) + BODY],
    ['two hosts', head(CHAT, ['host: other', length(BODY)]) + BODY],
    [
      'a host that is none',
      head(CHAT, ['host: [::1', length(BODY)]).replace('host: t\r\n', '') + BODY,
    ],
    ['a header without end', head(CHAT, [`x-long: ${'x'.repeat(200_000)}`, length(BODY)]) + BODY],
    ['no request at all', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n\r\n'],
    ['another protocol', `POST ${CHAT} HTTP/9.9\r\nhost: t\r\n\r\n`],
  ];

  it.each(cases)(
    'by %s is one request at most, and the client gets an error',
    async (_what, bytes) => {
      const statuses = statusesIn(await raw(bytes));
      expect(statuses.length).toBeLessThanOrEqual(1);
      for (const status of statuses) expect([200, 400, 431]).toContain(status);
      expect(reached.filter((r) => r.includes('smuggled'))).toEqual([]);
      expect(reached.length).toBeLessThanOrEqual(1);
      await nothingHeld();
    },
  );

  it('is not confused with two valid requests on one connection', async () => {
    const one = head(CHAT, [length(BODY)]) + BODY;
    const last = head('/v1/backends/tool/second', ['content-length: 0', 'connection: close']);
    expect(statusesIn(await raw(one + last))).toEqual([200, 200]);
    expect(reached).toEqual(['POST /chat/completions', 'POST /second']);
  });
});

describe('a header that is there twice', () => {
  it.each([
    ['x-talaria-run', 'r'],
    ['x-talaria-app', 'a'],
    ['x-request-id', 'request-01'],
    ['idempotency-key', 'twice'],
    ['content-type', 'application/json'],
    ['traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
    ['x-stainless-retry-count', '1'],
    ['x-talaria-max-wait-ms', '5000'],
    ['x-talaria-deadline-ms', '5000'],
    ['accept', 'text/event-stream'],
  ])('%s is accepted or refused, without an internal error', async (name, value) => {
    const lines = [`${name}: ${value}`, `${name}: ${value}2`, length(BODY), 'connection: close'];
    const [status] = statusesIn(await raw(head(CHAT, lines) + BODY));
    expect([200, 400]).toContain(status);
    await nothingHeld();
  });

  it('authorization gives no access that one alone would not', async () => {
    const lines = ['authorization: Bearer wrong', length(BODY), 'connection: close'];
    expect(statusesIn(await raw(head(CHAT, lines) + BODY))).toEqual([401]);
    expect(reached).toEqual([]);
  });
});

describe('a body that is cut off', () => {
  const ways = ['half-close', 'reset'] as const;
  const bodies: Array<[string, string, string[]]> = [
    ['that said its length', BODY.slice(0, 20), [`content-length: ${BODY.length}`]],
    ['that said its length and sent nothing', '', [`content-length: ${BODY.length}`]],
    ['in the middle of a chunk', `40\r\n${BODY.slice(0, 20)}`, ['transfer-encoding: chunked']],
    ['between two chunks', `5\r\n${BODY.slice(0, 5)}\r\n`, ['transfer-encoding: chunked']],
    ['in the size of a chunk', '4', ['transfer-encoding: chunked']],
  ];
  const cases = ways.flatMap((way) =>
    [CHAT, '/v1/embeddings', '/v1/backends/tool/x', '/v1/runs/r/events'].flatMap((path) =>
      bodies.map(([what, body, lines]) => ({ way, path, what, body, lines })),
    ),
  );

  it.each(cases)('$what, by $way, to $path, is no call', async ({ way, path, body, lines }) => {
    const statuses = statusesIn(await raw(head(path, lines) + body, way));
    expect(statuses.filter((s) => s >= 500)).toEqual([]);
    expect(reached).toEqual([]);
    await nothingHeld();
  });

  it('that is complete is served also if the client then closes its side', async () => {
    const received = await raw(head(CHAT, [length(BODY)]) + BODY, 'half-close');
    expect(statusesIn(received).filter((s) => s >= 500)).toEqual([]);
    await nothingHeld();
  });
});
