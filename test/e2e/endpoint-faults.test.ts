/**
 * Endpoints that refuse, break, hang or never end: the client gets an error that states what
 * happened, and the slot is freed. Each tenant has one slot, so the next call fails if a slot is
 * lost.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { freePort } from '../../scripts/raw-workerd.ts';
import {
  beforeBreak,
  type Dispatcher,
  RawClient,
  startDispatcher,
  statusOf,
  until,
} from './harness.ts';

type Behaviour = (res: ServerResponse, method: string) => void;

let dispatcher: Dispatcher;
let url: string;
let gpu: Emulator;
let server: Server;
let serverUrl: string;
/** The behaviours of the server's next requests; without one it answers correctly. */
let planned: Behaviour[] = [];
let redirected = 0;
let tenants = 0;

const good: Behaviour = (res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }));
};

const goodStream: Behaviour = (res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.end('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n');
};

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = dispatcher.workerd.url;
  gpu = await startEmulator({
    models: ['m'],
    slots: 8,
    prefillMsPerToken: 0,
    decodeMsPerToken: 2,
  });
  server = createServer((req, res) => {
    req.resume();
    if (req.url === '/elsewhere') redirected += 1;
    req.once('end', () => (planned.shift() ?? good)(res, req.method ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  await gpu.close();
  server.closeAllConnections();
  server.close();
});

interface Client {
  readonly tenant: string;
  readonly key: string;
  call(changes?: object): Promise<Response>;
}

/** A new tenant whose only endpoint has one slot. */
async function clientOf(endpoint: string, timeouts: object = {}): Promise<Client> {
  tenants += 1;
  const tenant = `faults-${tenants}`;
  const backend = { endpoints: [{ url: endpoint, slots: 1 }], timeouts };
  const key = await dispatcher.tenant(tenant, { backends: { m: { models: ['m'], ...backend } } });
  const body = { model: 'm', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 20 };
  return {
    tenant,
    key,
    call: (changes = {}) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ ...body, ...changes }),
      }),
  };
}

async function expectTold(response: Response, status: number, code: string): Promise<void> {
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status });
  expect(JSON.parse(text)).toMatchObject({ error: { type: 'api_error', param: null, code } });
  expect(response.headers.get('x-request-id')).toBeTruthy();
}

async function expectSlotBack({ tenant }: Client): Promise<void> {
  await until(
    () => statusOf(url, tenant),
    (s) => s.m?.running === 0 && s.m.waiting === 0,
  );
}

/** The only slot is free again and serves a call. */
async function expectServes(client: Client): Promise<void> {
  await expectSlotBack(client);
  const answer = await client.call();
  expect(answer.status).toBe(200);
  await answer.text();
  await expectSlotBack(client);
}

/** The stream has begun, and breaks off. */
async function expectBroken(answer: Response): Promise<void> {
  expect(answer.status).toBe(200);
  const text = await beforeBreak(answer);
  expect(text).toContain('data: ');
  expect(text).not.toContain('[DONE]');
}

describe('an endpoint that answers with an error', () => {
  it('of status 500 makes it 502 upstream_error, plain and streamed', async () => {
    const client = await clientOf(`${gpu.url}/v1`);
    for (const stream of [false, true]) {
      gpu.fault({ kind: '500' });
      await expectTold(await client.call({ stream }), 502, 'upstream_error');
      await expectServes(client);
    }
  });

  it.each(['429', '503'] as const)(
    'of status %s refuses the call, which returns to the queue and is served',
    async (kind) => {
      const client = await clientOf(`${gpu.url}/v1`);
      for (const stream of [false, true]) {
        gpu.fault({ kind });
        const answer = await client.call({ stream });
        expect(answer.status).toBe(200);
        expect(answer.headers.get('x-talaria-attempts')).toBe('2');
        expect(await answer.text()).toContain('finish_reason');
        await expectServes(client);
      }
    },
  );

  it("about the client's request passes it on unchanged", async () => {
    const client = await clientOf(serverUrl);
    planned = [(res) => res.writeHead(422, { 'content-type': 'text/plain' }).end('too odd')];
    const answer = await client.call();
    expect(answer.status).toBe(422);
    expect(await answer.text()).toBe('too odd');
    await expectServes(client);
  });

  it('that never ends is cut, and its slot comes back', async () => {
    const client = await clientOf(serverUrl, { idleMs: 300, totalMs: 1_000 });
    planned = [
      (res) => {
        res.writeHead(500, { 'content-type': 'text/plain' });
        const more = setInterval(() => res.write('x'.repeat(10_000)), 20);
        res.once('close', () => clearInterval(more));
      },
    ];
    await expectTold(await client.call(), 502, 'upstream_error');
    await expectServes(client);
  });

  it('of a redirect is not followed', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const client = await clientOf(serverUrl);
      planned = [(res) => res.writeHead(status, { location: `${serverUrl}/elsewhere` }).end()];
      await expectTold(await client.call(), 502, 'upstream_error');
      await expectServes(client);
    }
    expect(redirected).toBe(0);
  });

  it("that the client's condition asked for is no fault of a tool", async () => {
    const key = await dispatcher.tenant('conditions', {
      backends: { tool: { endpoints: [{ url: serverUrl, slots: 1 }] } },
    });
    for (let i = 0; i < 4; i += 1) {
      planned = [(res) => res.writeHead(304, { etag: '"1"' }).end()];
      const answer = await fetch(`${url}/v1/backends/tool/x`, {
        headers: { authorization: `Bearer ${key}`, 'if-none-match': '"1"' },
      });
      expect(answer.status).toBe(304);
    }
  });
});

describe('an endpoint that cannot be reached', () => {
  it('gives 502, and its slot is freed', async () => {
    const client = await clientOf(`http://127.0.0.1:${await freePort()}/v1`);
    await expectTold(await client.call(), 502, 'upstream_error');
    await expectSlotBack(client);
    await expectTold(await client.call({ stream: true }), 502, 'upstream_error');
    await expectSlotBack(client);
  });

  it('is asked once more after a connection that broke before any byte', async () => {
    const client = await clientOf(serverUrl);
    for (const stream of [false, true]) {
      planned = [(res) => void res.socket?.resetAndDestroy(), stream ? goodStream : good];
      const answer = await client.call({ stream });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-talaria-attempts')).toBe('2');
      await answer.text();
      await expectServes(client);
    }
  });

  it('gives 502 if it resets every connection', async () => {
    const client = await clientOf(serverUrl);
    const reset: Behaviour = (res) => void res.socket?.resetAndDestroy();
    planned = [reset, reset];
    await expectTold(await client.call(), 502, 'upstream_error');
    await expectServes(client);
  });

  it('gets no calls for a while after three failures in a row', async () => {
    const client = await clientOf(`${gpu.url}/v1`);
    gpu.fault({ kind: '500', count: 3 });
    for (let i = 0; i < 3; i += 1) await expectTold(await client.call(), 502, 'upstream_error');
    const answer = await client.call();
    expect(answer.status).toBe(200);
    // It waited until the circuit breaker let a call through, and was not sent before.
    expect(Number(answer.headers.get('x-talaria-queue-ms'))).toBeGreaterThan(0);
    await answer.text();
    await expectServes(client);
  });
});

describe('an endpoint that hangs', () => {
  it('before its first byte gives 504, and is cancelled', async () => {
    const client = await clientOf(`${gpu.url}/v1`, { firstByteMs: 300 });
    for (const stream of [false, true]) {
      const { aborted } = gpu.stats();
      gpu.fault({ kind: 'hang' });
      await expectTold(await client.call({ stream }), 504, 'upstream_timeout');
      await until(
        () => gpu.stats().aborted,
        (n) => n === aborted + 1,
      );
      await expectServes(client);
    }
  });

  it('in the middle of a stream breaks it off', async () => {
    const client = await clientOf(serverUrl, { idleMs: 300 });
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n');
      },
    ];
    const answer = await client.call({ stream: true });
    expect(answer.status).toBe(200);
    await expectBroken(answer);
    await expectServes(client);
  });

  it('in the middle of a short plain answer gives 504', async () => {
    const client = await clientOf(serverUrl, { idleMs: 300 });
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.write('{"choices":[{');
      },
    ];
    await expectTold(await client.call(), 504, 'upstream_timeout');
    await expectServes(client);
  });

  it('after its headers gives 504: nothing of its answer has come', async () => {
    const client = await clientOf(serverUrl, { idleMs: 300 });
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.flushHeaders();
      },
    ];
    await expectTold(await client.call({ stream: true }), 504, 'upstream_timeout');
    await expectServes(client);
  });
});

describe('an endpoint that breaks off', () => {
  it('in the middle of a short plain answer is told so, in the form of an error', async () => {
    const client = await clientOf(`${gpu.url}/v1`);
    gpu.fault({ kind: 'cut' });
    await expectTold(await client.call(), 502, 'upstream_error');
    await expectServes(client);
  });

  it('breaks off a long plain answer, too', async () => {
    const client = await clientOf(serverUrl);
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.write(`{"choices":[{"message":{"content":"${'x'.repeat(200_000)}`, () => res.destroy());
      },
    ];
    const answer = await client.call();
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    await expectServes(client);
  });

  it('breaks off a stream, without [DONE]', async () => {
    const client = await clientOf(`${gpu.url}/v1`);
    gpu.fault({ kind: 'cut' });
    const answer = await client.call({ stream: true, max_tokens: 300 });
    await expectBroken(answer);
    await expectServes(client);
  });

  it('is a fault also if it ends a stream normally but too early', async () => {
    const client = await clientOf(serverUrl);
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.end('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: {"cho');
      },
    ];
    const answer = await client.call({ stream: true });
    await expectBroken(answer);
    await expectServes(client);
  });
});

describe('an endpoint that answers with invalid data', () => {
  it('has failed where it is the beginning of JSON alone', async () => {
    const client = await clientOf(`${gpu.url}/v1`);
    gpu.fault({ kind: 'garbage' });
    await expectTold(await client.call(), 502, 'upstream_error');
    await expectServes(client);
  });

  it('is never taken for a whole stream', async () => {
    const client = await clientOf(`${gpu.url}/v1`);
    gpu.fault({ kind: 'garbage' });
    // The status shows the fault, or the answer is valid neither as a stream nor as JSON.
    const answer = await client.call({ stream: true });
    const text = await answer.text();
    expect(text).not.toContain('[DONE]');
    if (answer.status === 200) expect(() => JSON.parse(text)).toThrow();
    await expectServes(client);
  });

  it('in usage is ignored', async () => {
    const client = await clientOf(serverUrl);
    const usages = ['null', '"x"', '[]', '{"prompt_tokens":"a"}', '{"prompt_tokens":-1e308}', '{}'];
    for (const usage of usages) {
      planned = [(res) => void res.writeHead(200).end(`{"choices":[],"usage":${usage}}`)];
      expect((await client.call()).status).toBe(200);
    }
    await expectServes(client);
  });

  it('gives 502 if it does not speak HTTP', async () => {
    const client = await clientOf(serverUrl);
    const ssh: Behaviour = (res) => void res.socket?.end('SSH-2.0-OpenSSH_9.9\r\n');
    planned = [ssh, ssh];
    await expectTold(await client.call(), 502, 'upstream_error');
    await expectServes(client);
  });
});

describe('an endpoint that never comes to an end', () => {
  const trickle = (type: string) => (res: ServerResponse) => {
    res.writeHead(200, { 'content-type': type });
    const more = setInterval(() => {
      res.write('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n');
    }, 20);
    res.once('close', () => clearInterval(more));
  };

  it('is cut by the limit for the whole answer, with an error', async () => {
    const client = await clientOf(serverUrl, { totalMs: 600, idleMs: 400 });
    planned = [trickle('text/event-stream')];
    const answer = await client.call({ stream: true });
    await expectBroken(answer);
    planned = [trickle('application/json')];
    await expect((await client.call()).text()).rejects.toThrow();
    await expectServes(client);
  });

  it('frees its slot although the client has stopped reading', async () => {
    const client = await clientOf(serverUrl, { totalMs: 1_500, idleMs: 1_000 });
    let sent = 0;
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        const piece = `data: {"choices":[{"index":0,"delta":{"content":"${'a'.repeat(60_000)}"}}]}\n\n`;
        const more = () => {
          while (!res.destroyed && res.write(piece)) sent += 1;
        };
        res.on('drain', more);
        more();
      },
    ];
    const answer = await client.call({ stream: true });
    expect(answer.status).toBe(200);
    // The client reads nothing of the body, so the connection stays open with full buffers.
    await expectServes(client);
    expect(sent).toBeGreaterThan(0);
    await answer.body?.cancel();
  });
});

describe('a client that disconnects from an endpoint that hangs', () => {
  it('in the middle of a stream gives the slot back at once', async () => {
    const client = await clientOf(serverUrl);
    let closed = false;
    planned = [
      (res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n');
        res.once('close', () => {
          closed = true;
        });
      },
    ];
    const body = { model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] };
    const leaver = new RawClient(url, client.key, body);
    await until(
      () => leaver.received,
      (text) => text.includes('delta'),
    );
    leaver.reset();
    await until(
      () => closed,
      (yes) => yes,
    );
    await expectServes(client);
  });
});
