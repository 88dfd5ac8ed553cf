/**
 * Bodies of a client that wants to keep others waiting: long, deep, stopped, trickled. Each is
 * refused in words, no other caller notices, and what they held comes back.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN_TOKEN, admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const TENANT = 'bodies';
const CHAT = '/v1/chat/completions';
const MB = 1_000_000;
/** Memory that all clients' bodies may take here, and what a key may have of it alone. */
const ROOM = 24 * MB;

let dispatcher: Dispatcher;
let server: Server;
let keyA: string;
let keyB: string;
let endpoint: string;
let reached: string[] = [];

beforeAll(async () => {
  dispatcher = await startDispatcher({ BODY_MEMORY_BYTES: String(ROOM) });
  server = createServer((req, res) => {
    const hash = createHash('sha256');
    reached.push(`${req.method} ${req.url}`);
    const answersFirst = req.headers['x-answer'] === 'first';
    if (answersFirst) {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write(' ');
      setTimeout(() => req.resume(), 200);
    }
    req.on('data', (part) => hash.update(part));
    if (answersFirst) req.pause();
    req.once('end', () => {
      if (!answersFirst) res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ choices: [], sha256: hash.digest('hex') }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  keyA = await dispatcher.tenant(TENANT, {
    backends: {
      m: { models: ['m'], endpoints: [{ url: endpoint, slots: 4 }] },
      tool: { endpoints: [{ url: endpoint, slots: 4 }] },
    },
    limits: {
      body: { idleMs: 2_000, graceMs: 2_000, bytesPerSecond: 100 },
      uploads: { count: 8, graceMs: 500, bytesPerSecond: 1_000 },
    },
  });
  const made = await admin(dispatcher.workerd.url, 'POST', `/tenants/${TENANT}/keys`);
  keyB = JSON.parse(made).key;
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

function post(path: string, body: string | Uint8Array<ArrayBuffer>, key = keyA, headers = {}) {
  return fetch(`${dispatcher.workerd.url}${path}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
}

async function metricsOf(tenant: string): Promise<string> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const answer = await fetch(`${dispatcher.workerd.url}/metrics?tenant=${tenant}`, { headers });
  return answer.text();
}

const chat = (content = 'Hello') =>
  JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] });

/** A request whose body a test sends as it likes. */
class Sender {
  readonly answer: Promise<string>;
  /** Resolves with all that was received once the dispatcher has ended the connection. */
  readonly ended: Promise<string>;
  readonly #socket: Socket;
  #received = '';

  constructor(path: string, lines: readonly string[], key = keyA) {
    const { hostname, port } = new URL(dispatcher.workerd.url);
    this.#socket = connect(Number(port), hostname);
    this.#socket.on('error', () => {});
    const begun = Promise.withResolvers<string>();
    this.answer = begun.promise;
    this.#socket.on('data', (data) => {
      this.#received += data.toString();
      if (/\r\n\r\n.*\}/s.test(this.#received)) begun.resolve(this.#received);
    });
    this.ended = new Promise((resolve) => {
      this.#socket.once('close', () => {
        begun.resolve(this.#received);
        resolve(this.#received);
      });
    });
    const head = [`POST ${path} HTTP/1.1`, 'host: t', `authorization: Bearer ${key}`, ...lines];
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n`);
  }

  send(bytes: string | Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Sends a chunk of a body without a length, now and then. */
  trickle(everyMs: number, chunk: string): void {
    const timer = setInterval(() => this.send(`1\r\n${chunk}\r\n`), everyMs);
    this.#socket.once('close', () => clearInterval(timer));
  }

  leave(): void {
    this.#socket.resetAndDestroy();
  }
}

async function peakMb(): Promise<number> {
  const status = await readFile(`/proc/${dispatcher.workerd.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

describe('a long body', () => {
  const filled = (unit: string, wrap: (inner: string) => string) =>
    wrap(Array.from({ length: Math.floor((9.9 * MB) / (unit.length + 1)) }, () => unit).join(','));
  const messages = (inner: string) => `{"model":"m","messages":[${inner}]}`;
  const part = (inner: string) => messages(`{"role":"user","content":${inner}}`);
  const user = '{"role":"user"}';

  it.each([
    ['of empty messages', CHAT, filled('{}', messages)],
    ['of empty parts', CHAT, filled('{}', (inner) => part(`[${inner}]`))],
    ['of lists', CHAT, filled('[]', (inner) => part(`[${inner}]`))],
    ['of brackets', CHAT, part('['.repeat(9.9 * MB))],
    [
      'of tools',
      CHAT,
      filled('{}', (inner) => `{"model":"m","messages":[${user}],"tools":[${inner}]}`),
    ],
    [
      'of metadata',
      CHAT,
      filled('"a":1', (inner) => `{"model":"m","messages":[${user}],"metadata":{${inner}}}`),
    ],
    ['of empty messages', '/v1/messages', filled('{}', messages)],
    [
      'of empty documents',
      '/v1/rerank',
      filled('{}', (inner) => `{"model":"m","query":"q","documents":[${inner}]}`),
    ],
    [
      'of empty inputs',
      '/v1/responses',
      filled('{}', (inner) => `{"model":"m","input":[${inner}]}`),
    ],
    [
      'of empty inputs',
      '/v1/embeddings',
      filled('[]', (inner) => `{"model":"m","input":[${inner}]}`),
    ],
    ['of parts of a form', '/v1/audio/transcriptions', '--b\r\n'.repeat(1.9 * MB)],
    ['of an order of a job', '/v1/jobs', `{"path":"${CHAT}","body":[${'{},'.repeat(400_000)}{}]}`],
  ])('%s is refused at %s, and takes little memory', async (_what, path, body) => {
    const before = await peakMb();
    const type = { 'content-type': 'multipart/form-data; boundary=b' };
    const answer = await post(path, body, keyA, path.includes('audio') ? type : {});
    const text = await answer.text();
    expect({ status: answer.status, text: text.slice(0, 200) }).toMatchObject({ status: 400 });
    expect((await peakMb()) - before).toBeLessThan(64);
    expect(reached).toEqual([]);
  });

  it.each([
    ['of numbers', filled('1', (inner) => part(`[${inner}]`))],
    ['of fields', filled('"a":1', (inner) => `{"model":"m","messages":[${user}],${inner}}`)],
    ['of models', filled('"model":"m"', (inner) => `{"messages":[${user}],${inner}}`)],
    ['of one text', chat('x'.repeat(9.9 * MB))],
    ['of escapes', chat('"'.repeat(4.9 * MB))],
    [
      'of many messages',
      messages(
        Array.from({ length: 200_000 }, () => '{"role":"user","content":"0123456"}').join(','),
      ),
    ],
  ])('%s passes byte for byte, and takes little memory', async (_what, body) => {
    const before = await peakMb();
    const answer = await post(CHAT, body);
    const sha256 = createHash('sha256').update(body).digest('hex');
    expect(await answer.json()).toMatchObject({ sha256 });
    expect((await peakMb()) - before).toBeLessThan(64);
  });

  it('is sent whole to an endpoint that answers before it reads', async () => {
    for (let i = 0; i < 2; i += 1) {
      const body = chat(String(i).repeat(9 * MB));
      const answer = await post(CHAT, body, keyA, { 'x-answer': 'first' });
      expect(answer.status).toBe(200);
      // What it held of this body is given to others.
      await (await post(CHAT, chat('x'.repeat(9 * MB)), keyB)).text();
      const sha256 = createHash('sha256').update(body).digest('hex');
      expect(await answer.json()).toMatchObject({ sha256 });
    }
  });

  it('with a field that Talaria adds is the same but for that', async () => {
    const body = JSON.stringify({
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: 'ä'.repeat(MB) }],
    });
    const answer = await post(CHAT, body);
    const expected = `${body.slice(0, -1)},"stream_options":{"include_usage":true}}`;
    const sha256 = createHash('sha256').update(expected).digest('hex');
    expect(await answer.text()).toContain(sha256);
  });
});

describe('a body that announces more than ever has room', () => {
  const JSON_TYPE = 'application/json';
  const FORM = 'multipart/form-data; boundary=b';

  it.each([
    [CHAT, JSON_TYPE],
    ['/v1/messages', JSON_TYPE],
    ['/v1/messages/count_tokens', JSON_TYPE],
    ['/v1/audio/transcriptions', FORM],
    ['/v1/backends/tool/x', JSON_TYPE],
    ['/v1/jobs', JSON_TYPE],
    ['/v1/files', FORM],
  ])('is refused as too large at %s, and its client is not told to wait', async (path, type) => {
    // More than the limit, than the room of all clients, and than a key may ever have in hand.
    for (const length of [30 * MB, 70 * MB, 99_999 * MB]) {
      const sender = new Sender(path, [`content-type: ${type}`, `content-length: ${length}`]);
      sender.send('{');
      const answer = await sender.answer;
      sender.leave();
      expect({ length, answer }).toMatchObject({
        answer: expect.stringMatching(/^HTTP\/1\.1 413 .*request_too_large/s),
      });
      expect(answer).toMatch(/x-should-retry: false/i);
      expect(answer).not.toMatch(/retry-after/i);
    }
    expect(reached).toEqual([]);
  });
});

describe('a body that stops', () => {
  it('is told so at every path, and its connection is ended', async () => {
    const paths: ReadonlyArray<readonly [path: string, length: number]> = [
      [CHAT, 9_500],
      ['/v1/audio/transcriptions', 9_500],
      ['/v1/messages/count_tokens', 9_500],
      ['/v1/jobs', 9_500],
      ['/v1/files', 9_500],
      ['/v1/batches', 9_500],
      ['/v1/runs/r/events', 9_500],
      // Short enough for a tool's call to be held.
      ['/v1/backends/tool/x', 9_000],
    ];
    // At once, since each waits for its time limit.
    const stopped = paths.map(async ([path, length]) => {
      const sender = new Sender(path, [`content-length: ${length}`]);
      sender.send('x'.repeat(8_000));
      return { path, received: await sender.ended };
    });
    for (const { path, received } of await Promise.all(stopped)) {
      expect({ path, received }).toMatchObject({
        received: expect.stringMatching(/^HTTP\/1\.1 408 /),
      });
      const told = path.includes('count_tokens') ? 'The body' : '"code":"request_timeout"';
      expect(received).toContain(told);
    }
    expect(reached).toEqual([]);
  });

  it('after 9 MB, on many connections, holds no more than its key may, and nobody else waits', async () => {
    // No body is late here, however busy the machine is: what is held stays held.
    const patient = { idleMs: 3_600_000, graceMs: 3_600_000 };
    const greedy = await dispatcher.tenant('stopping', {
      backends: { m: { models: ['m'], endpoints: [{ url: endpoint, slots: 4 }] } },
      limits: { body: patient },
    });
    const made = await admin(dispatcher.workerd.url, 'POST', '/tenants/stopping/keys');
    const modest: string = JSON.parse(made).key;
    const before = await peakMb();
    const SENDERS = 10;
    let refused = 0;
    const senders = Array.from({ length: SENDERS }, () => {
      const sender = new Sender(CHAT, [`content-length: ${9.9 * MB}`], greedy);
      sender.send('x'.repeat(9 * MB));
      void sender.ended.then(() => {
        refused += 1;
      });
      return sender;
    });
    // Two of them have no room beside each other, and all those that are refused learn why.
    await until(
      () => refused,
      (n) => n >= SENDERS - 1,
    );
    const held = await metricsOf('stopping');
    expect(held).toMatch(/^talaria_bodies_in_hand\{.*\} 1$/m);
    for (let i = 0; i < 5; i += 1) {
      const answer = await post(CHAT, chat(), modest);
      expect(answer.status).toBe(200);
      await answer.text();
    }
    const big = await post(CHAT, chat('b'.repeat(5 * MB)), modest);
    expect(big.status).toBe(200);
    await big.text();
    expect((await peakMb()) - before).toBeLessThan(64);
    for (const sender of senders) sender.leave();
    const received = await Promise.all(senders.map((sender) => sender.ended));
    // One that is refused while it still sends may find its connection closed.
    const statuses = received.map((text) => /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 'closed');
    expect(statuses).toContain('503');
    expect(statuses.every((s) => s === '503' || s === 'closed')).toBe(true);
    // All of it comes back.
    await until(
      async () => {
        const answer = await post(CHAT, chat('a'.repeat(9 * MB)), greedy);
        await answer.text();
        return answer.status;
      },
      (status) => status === 200,
    );
  });

  it('because its client has left gives back what it held', async () => {
    for (let round = 0; round < 6; round += 1) {
      const sender = new Sender(CHAT, [`content-length: ${9.9 * MB}`]);
      sender.send('x'.repeat(8 * MB));
      await new Promise((resolve) => setTimeout(resolve, 50));
      sender.leave();
    }
    await until(
      async () => {
        const answer = await post(CHAT, chat('a'.repeat(9 * MB)));
        await answer.text();
        return answer.status;
      },
      (status) => status === 200,
    );
  });

  it('a byte now and then is too slow, and is told how fast it must be', async () => {
    const sender = new Sender(CHAT, ['transfer-encoding: chunked']);
    sender.trickle(50, ' ');
    const received = await sender.answer;
    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(received).toContain('100 bytes a second');
    sender.leave();
  });
});

describe('an upload to a tool', () => {
  const file = { 'content-length': 2 * MB };

  it('of a length that is trickled asks for no slot', async () => {
    const senders = Array.from({ length: 8 }, () => {
      const sender = new Sender('/v1/backends/tool/up', [
        `content-length: ${file['content-length']}`,
      ]);
      sender.send('x');
      return sender;
    });
    const answer = await post('/v1/backends/tool/good', 'x', keyB);
    expect(answer.headers.get('x-talaria-position')).toBe('0');
    await answer.text();
    for (const sender of senders) expect(await sender.answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(reached).toEqual(['POST /good']);
  });

  it("without a length that is trickled gives its slot back soon, as the client's own fault", async () => {
    for (let round = 0; round < 2; round += 1) {
      const senders = Array.from({ length: 4 }, () => {
        const sender = new Sender('/v1/backends/tool/up', ['transfer-encoding: chunked']);
        sender.trickle(100, 'x');
        return sender;
      });
      for (const sender of senders) {
        const received = await sender.answer;
        expect(received).toMatch(/^HTTP\/1\.1 408 /);
        expect(received).toContain('"code":"request_timeout"');
        sender.leave();
      }
    }
    await nothingHeld();
    const { tool } = await statusOf(dispatcher.workerd.url, TENANT);
    expect(tool?.endpoints.map((e) => e.state)).not.toContain('cold');
    const answer = await post('/v1/backends/tool/good', 'x', keyB);
    expect(answer.status).toBe(200);
    await answer.text();
  });

  it('that stops in the middle gives its slot back too', async () => {
    const sender = new Sender('/v1/backends/tool/up', [
      `content-length: ${file['content-length']}`,
    ]);
    sender.send('x'.repeat(MB));
    expect(await sender.answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(reached).toEqual(['POST /up']);
    await nothingHeld();
  });

  it("beyond those that a key may have at a time is refused, and another key's is not", async () => {
    const patient = { idleMs: 60_000, graceMs: 60_000 };
    const key = await dispatcher.tenant('uploading', {
      backends: { tool: { endpoints: [{ url: endpoint }] } },
      limits: { body: patient, uploads: { count: 2, graceMs: 60_000 } },
    });
    const made = await admin(dispatcher.workerd.url, 'POST', '/tenants/uploading/keys');
    const open: Sender[] = [];
    const lines = [`content-length: ${file['content-length']}`];
    const bytes = new Uint8Array(2 * MB);
    const refused = await until(
      async () => {
        const sender = new Sender('/v1/backends/tool/up', lines, key);
        sender.send('x');
        open.push(sender);
        const answer = await post('/v1/backends/tool/more', bytes, key);
        return { status: answer.status, text: await answer.text() };
      },
      ({ status }) => status === 429,
    );
    expect(refused.text).toContain('it may have 2');
    expect(await metricsOf('uploading')).toMatch(/^talaria_uploads\{.*\} 2$/m);
    const other = await post('/v1/backends/tool/more', bytes, JSON.parse(made).key);
    expect(other.status).toBe(200);
    await other.text();
    for (const sender of open) sender.leave();
    await nothingHeld();
  });
});
