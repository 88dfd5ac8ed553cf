/**
 * Clients that close their connections while they wait. A connection that is closed in order is
 * noticed on workerd only where something is written to it, which `keepAliveAfterMs` does.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const KEEP_ALIVE_MS = 100;
const CLIENTS = 20;
const GOOD = '{"choices":[{"index":0,"message":{"content":"ok"},"finish_reason":"stop"}]}';
const BODY = { model: 'm', messages: [{ role: 'user', content: 'x' }] };

let dispatcher: Dispatcher;
let server: Server;
let endpoint = '';
/** Calls that the endpoint has and has not answered; those that their caller gave up are gone. */
const held = new Set<ServerResponse>();
let cancelled = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    req.resume();
    res.on('error', () => {});
    held.add(res);
    res.once('close', () => {
      if (held.delete(res)) cancelled += 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  answerAll();
  cancelled = 0;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

function answerAll(status = 200, text = GOOD): void {
  for (const res of held) {
    held.delete(res);
    res.writeHead(status, { 'content-type': 'application/json' }).end(text);
  }
}

async function tenantOf(
  name: string,
  slots: number,
  waits: object = { keepAliveAfterMs: KEEP_ALIVE_MS },
) {
  const { url } = dispatcher.workerd;
  const endpoints = [{ url: endpoint, slots }];
  const key = await dispatcher.tenant(name, {
    backends: { m: { models: ['m'], endpoints, ...waits } },
  });
  const standing = async () => (await statusOf(url, name)).m ?? { waiting: 0, running: 0 };
  const call = (more: object = {}) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ ...BODY, ...more }),
    });
  return {
    key,
    standing,
    call,
    client: (more: object = {}) => new Client(url, key, { ...BODY, ...more }),
  };
}

/** A client that closes its connection in order: by FIN, and not by a reset. */
class Client {
  received = '';
  readonly ended: Promise<void>;
  readonly #socket;

  constructor(url: string, key: string, body: object) {
    const { hostname, port } = new URL(url);
    const text = JSON.stringify(body);
    this.#socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    this.#socket.on('error', () => {});
    this.#socket.on('data', (data) => {
      this.received += data.toString();
    });
    this.ended = new Promise((resolve) => this.#socket.once('end', () => resolve()));
    this.#socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer ${key}\r\n` +
        `content-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
    );
  }

  /** Reads no more: what arrived was read, so the kernel sends a FIN. */
  close(): void {
    this.#socket.destroy();
  }

  /** Sends no more, and still reads. */
  halfClose(): void {
    this.#socket.end();
  }
}

describe.each([
  ['plain calls', {}],
  ['streams', { stream: true }],
])('clients that close their connections: %s', (kind, more) => {
  it("while they wait leave the queue, and another's call is served", async () => {
    const { standing, call, client } = await tenantOf(`queued-${kind.length}`, 1);
    const first = call();
    await until(
      () => held.size,
      (n) => n === 1,
    );
    const clients = Array.from({ length: CLIENTS }, () => client(more));
    await until(standing, (s) => s.waiting === CLIENTS);
    for (const one of clients) one.close();
    await until(standing, (s) => s.waiting === 0);
    const mine = call();
    await until(standing, (s) => s.waiting === 1);
    answerAll();
    expect(await (await first).json()).toEqual(JSON.parse(GOOD));
    await until(
      () => held.size,
      (n) => n === 1,
    );
    answerAll();
    expect(await (await mine).json()).toEqual(JSON.parse(GOOD));
    await until(standing, (s) => s.running === 0);
    expect(cancelled).toBe(0);
  });

  it('while an endpoint has their calls free its slots, and it is told', async () => {
    const { standing, client } = await tenantOf(`served-${kind.length}`, CLIENTS);
    const clients = Array.from({ length: CLIENTS }, () => client(more));
    await until(
      () => held.size,
      (n) => n === CLIENTS,
    );
    for (const one of clients) one.close();
    await until(standing, (s) => s.running === 0);
    await until(
      () => cancelled,
      (n) => n === CLIENTS,
    );
  });
});

it('streams that wait and are sent comments leave the queue when their clients close', async () => {
  const comments = { queueCommentsAfterMs: KEEP_ALIVE_MS };
  const { standing, call, client } = await tenantOf('comments', 1, comments);
  const first = call();
  await until(
    () => held.size,
    (n) => n === 1,
  );
  const clients = Array.from({ length: CLIENTS }, () => client({ stream: true }));
  await until(standing, (s) => s.waiting === CLIENTS);
  for (const one of clients) one.close();
  await until(standing, (s) => s.waiting === 0);
  answerAll();
  await (await first).text();
});

it('streams that wait leave the queue without any setting, and never reach the endpoint', async () => {
  const { standing, call, client } = await tenantOf('unset', 1, {});
  const first = call();
  await until(
    () => held.size,
    (n) => n === 1,
  );
  const clients = Array.from({ length: CLIENTS }, () => client({ stream: true }));
  await until(standing, (s) => s.waiting === CLIENTS);
  for (const one of clients) one.close();
  await until(standing, (s) => s.waiting === 0);
  answerAll();
  await (await first).text();
  await until(standing, (s) => s.running === 0);
  expect(held.size).toBe(0);
});

it('a client that sends no more but reads has its answer', async () => {
  const { client } = await tenantOf('half', 1);
  const one = client();
  await until(
    () => held.size,
    (n) => n === 1,
  );
  one.halfClose();
  await until(
    () => one.received,
    (text) => text.includes('\r\n\r\n1\r\n\n\r\n1\r\n\n\r\n'),
  );
  answerAll();
  await one.ended;
  expect(one.received).toMatch(/^HTTP\/1\.1 200 /);
  expect(one.received).toContain(GOOD);
});

it('an error comes under the 200 that was begun, in the form of the API', async () => {
  const { call, standing } = await tenantOf('refused', 1);
  const refused = call();
  await until(
    () => held.size,
    (n) => n === 1,
  );
  const answer = await refused;
  expect(answer.status).toBe(200);
  answerAll(400, '{"error":{"message":"odd"}}');
  expect(await answer.json()).toEqual({ error: { message: 'odd' } });
  await until(standing, (s) => s.running === 0);
});
