/**
 * The policy for failing endpoints: another attempt before the client has received a byte, another
 * endpoint, another backend, and streams that receive their queue position while they wait.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/raw-workerd.ts';
import {
  beforeBreak,
  type Dispatcher,
  RawClient,
  startDispatcher,
  statusOf,
  until,
} from './harness.ts';

type Behaviour = (res: ServerResponse, req: IncomingMessage) => void;

/** An endpoint with planned answers; without one it answers correctly. */
class Endpoint {
  planned: Behaviour[] = [];
  always: Behaviour | undefined;
  readonly seen: IncomingMessage[] = [];
  readonly bodies: string[] = [];
  /** Requests whose connection ended before their answer did. */
  cancelled = 0;
  readonly #server: Server = createServer((req, res) => {
    let body = '';
    req.on('data', (piece) => {
      body += piece;
    });
    res.once('close', () => {
      if (!res.writableFinished) this.cancelled += 1;
    });
    req.once('end', () => {
      this.seen.push(req);
      this.bodies.push(body);
      (this.planned.shift() ?? this.always ?? good)(res, req);
    });
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const good: Behaviour = (res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}');
};
const STREAM =
  'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
const goodStream: Behaviour = (res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.end(STREAM);
};
const status =
  (code: number, body = '{}', headers: Record<string, string> = {}): Behaviour =>
  (res) =>
    res.writeHead(code, { 'content-type': 'application/json', ...headers }).end(body);
const silent: Behaviour = () => {};

let dispatcher: Dispatcher;
let url: string;
const endpoints: Endpoint[] = [];
let tenants = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = dispatcher.workerd.url;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  for (const endpoint of endpoints) endpoint.close();
});

async function endpoint(): Promise<Endpoint> {
  const started = await new Endpoint().start();
  endpoints.push(started);
  return started;
}

async function tenantOf(
  backends: object,
  others: object = {},
): Promise<{ tenant: string; key: string }> {
  tenants += 1;
  const tenant = `policy-${tenants}`;
  return { tenant, key: await dispatcher.tenant(tenant, { backends, ...others }) };
}

function call(key: string, fields: object = {}, headers: Record<string, string> = {}) {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...fields }),
  });
}

async function expectIdle(tenant: string): Promise<void> {
  await until(
    () => statusOf(url, tenant),
    (s) => Object.values(s).every((b) => b.running === 0 && b.waiting === 0),
  );
}

describe('an attempt that fails before the client has had a byte', () => {
  let bad: Endpoint;
  let fine: Endpoint;

  beforeEach(async () => {
    [bad, fine] = [await endpoint(), await endpoint()];
  });

  // The endpoint with fewer calls is chosen, and the first one if both have none.
  const backend = (extra: object = {}) => ({
    m: { models: ['m'], endpoints: [{ url: bad.url }, { url: fine.url }], ...extra },
  });

  it.each([
    ['breaks with 500', status(500, 'CUDA error')],
    ['says that it is overloaded', status(503, '{"error_type":"overloaded"}')],
    ['is still loading', status(503, '{"error":{"message":"Loading model"}}')],
    ['closes the connection', ((res) => res.destroy()) as Behaviour],
  ])('goes to another endpoint where the first %s', async (_, behaviour) => {
    bad.always = behaviour;
    const { tenant, key } = await tenantOf(backend());
    const answer = await call(key);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-talaria-attempts')).toBe('2');
    expect([bad.seen.length, fine.seen.length]).toEqual([1, 1]);
    expect(fine.bodies[0]).toBe(bad.bodies[0]);
    await expectIdle(tenant);
  });

  it('goes to another endpoint if the first is silent for too long or refuses connections', async () => {
    bad.always = silent;
    const { tenant, key } = await tenantOf(backend({ timeouts: { firstByteMs: 300 } }));
    expect((await call(key)).headers.get('x-talaria-attempts')).toBe('2');
    await expectIdle(tenant);

    const nobody = `http://127.0.0.1:${await freePort()}/v1`;
    const other = await tenantOf({
      m: { models: ['m'], endpoints: [{ url: nobody }, { url: fine.url }] },
    });
    expect((await call(other.key)).status).toBe(200);
    await expectIdle(other.tenant);
  });

  it('is not repeated after the first byte of content', async () => {
    bad.always = (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n');
      setTimeout(() => res.destroy(), 50);
    };
    const { tenant, key } = await tenantOf(backend());
    const text = await beforeBreak(await call(key, { stream: true }));
    expect(text).toContain('"content":"x"');
    expect(text).not.toContain('[DONE]');
    expect(fine.seen).toHaveLength(0);
    await expectIdle(tenant);
  });

  it('ends after as many attempts as there are endpoints, and says that a retry is useless', async () => {
    bad.always = status(500);
    fine.always = status(500);
    const { tenant, key } = await tenantOf(backend());
    const answer = await call(key);
    expect(answer.status).toBe(502);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect([bad.seen.length, fine.seen.length]).toEqual([1, 1]);
    await expectIdle(tenant);
  });

  it('is repeated at a single endpoint that was loading, as long as the call may wait', async () => {
    bad.planned = [status(503, 'Loading model'), status(503, 'Loading model')];
    const { tenant, key } = await tenantOf({ m: { models: ['m'], endpoints: [{ url: bad.url }] } });
    const answer = await call(key);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-talaria-attempts')).toBe('3');
    bad.always = status(503, 'Loading model');
    const late = await call(key, {}, { 'x-talaria-max-wait-ms': '300' });
    expect(late.status).toBe(503);
    expect(late.headers.get('x-should-retry')).toBe('true');
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    await expectIdle(tenant);
  });

  it('is not repeated with a body that is relayed as it comes', async () => {
    bad.always = status(500);
    const { tenant, key } = await tenantOf({
      tool: { endpoints: [{ url: bad.url }, { url: fine.url }] },
    });
    const body = new ReadableStream({
      start(sink) {
        sink.enqueue(new TextEncoder().encode('once'));
        sink.close();
      },
    });
    const answer = await fetch(`${url}/v1/backends/tool/x`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body,
      duplex: 'half',
    } as RequestInit);
    expect(answer.status).toBe(502);
    expect(fine.seen).toHaveLength(0);
    await expectIdle(tenant);
  });
});

describe('a fallback', () => {
  it('serves the calls of a backend whose endpoints are all broken', async () => {
    const [bad, fine] = [await endpoint(), await endpoint()];
    bad.always = status(500);
    const { tenant, key } = await tenantOf({
      m: { models: ['m'], endpoints: [{ url: bad.url }], fallback: 'spare' },
      spare: { endpoints: [{ url: fine.url }] },
    });
    for (let i = 0; i < 6; i += 1) {
      const answer = await call(key);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-talaria-backend')).toBe('spare');
      // Attempts at the broken endpoint count too, because a job has a limited number of attempts.
      if (i === 0) expect(answer.headers.get('x-talaria-attempts')).toBe(`${bad.seen.length + 1}`);
    }
    // Three faults opened its circuit breaker; after that no call waited for it.
    expect(bad.seen.length).toBeLessThanOrEqual(4);
    expect(fine.seen).toHaveLength(6);
    await expectIdle(tenant);
  });

  it('counts as the same request for the limits of its key and its deadline', async () => {
    const [bad, fine] = [await endpoint(), await endpoint()];
    bad.always = status(500);
    const { tenant, key } = await tenantOf(
      {
        m: { models: ['m'], endpoints: [{ url: bad.url }], fallback: 'spare' },
        spare: { endpoints: [{ url: fine.url }] },
      },
      { limits: { requestsPerMinute: 100 } },
    );
    const left: number[] = [];
    let callId = '';
    for (let i = 0; i < 3; i += 1) {
      const answer = await call(key, {}, { 'x-talaria-deadline-ms': '600000' });
      expect(answer.status).toBe(200);
      left.push(Number(answer.headers.get('x-ratelimit-remaining-requests')));
      callId = answer.headers.get('x-talaria-call') ?? '';
    }
    // Some requests come back during the test: 100 a minute are one in 600 ms.
    expect(left[2]).toBeGreaterThanOrEqual(97);
    const story = await fetch(`${url}/v1/calls/${callId}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const { arrived_at, request } = (await story.json()) as {
      arrived_at: number;
      request: { deadline_at: number };
    };
    expect(request.deadline_at - arrived_at).toBeLessThanOrEqual(600_000);
    await expectIdle(tenant);
  });

  it('is tried for no longer than its client wants to wait', async () => {
    const [busy, alsoBusy] = [await endpoint(), await endpoint()];
    busy.always = silent;
    alsoBusy.always = silent;
    const { tenant, key } = await tenantOf({
      m: { models: ['m'], endpoints: [{ url: busy.url, slots: 1 }], fallback: 'spare' },
      spare: { models: ['spare'], endpoints: [{ url: alsoBusy.url, slots: 1 }] },
    });
    const messages = [{ role: 'user', content: 'Hi' }];
    const clients = ['m', 'spare'].map((model) => new RawClient(url, key, { model, messages }));
    await until(
      () => busy.seen.length + alsoBusy.seen.length,
      (n) => n === 2,
    );
    const answer = await call(key, {}, { 'x-talaria-max-wait-ms': '300' });
    expect(await answer.json()).toMatchObject({ error: { code: 'queue_timeout' } });
    // The whole time was spent at the first backend.
    expect(answer.headers.get('x-talaria-backend')).toBe('m');
    for (const client of clients) client.reset();
    await expectIdle(tenant);
  });

  it('is not tried for a call that is itself wrong', async () => {
    const [strict, fine] = [await endpoint(), await endpoint()];
    strict.always = status(422, '{"error":"odd"}');
    const { key } = await tenantOf({
      m: { models: ['m'], endpoints: [{ url: strict.url }], fallback: 'spare' },
      spare: { endpoints: [{ url: fine.url }] },
    });
    expect((await call(key)).status).toBe(422);
    expect(fine.seen).toHaveLength(0);
  });
});

describe('an engine that reports its own queue', () => {
  it('is asked for that only if the configuration says that it knows the header', async () => {
    const [asked, not] = [await endpoint(), await endpoint()];
    const header = 'endpoint-load-metrics-format';
    const one = { models: ['m'], endpoints: [{ url: asked.url, loadMetrics: true }] };
    await call((await tenantOf({ m: one })).key);
    await call((await tenantOf({ m: { models: ['m'], endpoints: [{ url: not.url }] } })).key);
    expect(asked.seen[0]?.headers[header]).toBe('JSON');
    expect(not.seen[0]?.headers).not.toHaveProperty(header);
  });
});

describe('a stream that waits', () => {
  const AFTER_MS = 100;

  /** A tenant whose only slot is taken until `free` is called. */
  async function busyTenant(fields: object = {}) {
    const gpu = await endpoint();
    let free = () => {};
    gpu.planned = [
      (res) => {
        free = () => good(res, undefined as never);
      },
    ];
    gpu.always = goodStream;
    const { tenant, key } = await tenantOf({
      m: {
        models: ['m'],
        endpoints: [{ url: gpu.url, slots: 1 }],
        queueCommentsAfterMs: AFTER_MS,
        ...fields,
      },
    });
    const first = call(key);
    await until(
      () => gpu.seen.length,
      (n) => n === 1,
    );
    return { gpu, tenant, key, first, free: () => free() };
  }

  it('receives its position, and then its answer unchanged', async () => {
    const { tenant, key, first, free } = await busyTenant();
    const answer = await call(key, { stream: true });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const { value: comment = '' } = (await reader?.read()) ?? {};
    expect(comment).toMatch(/^: queued position=1 eta_ms=\d+\n\n/);
    free();
    let text = '';
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      text += next.value;
    }
    expect(text.replaceAll(/^: [^\n]*\n\n/gm, '')).toBe(STREAM);
    expect((await first).status).toBe(200);
    await expectIdle(tenant);
  });

  it('receives nothing while it waits if its client wants that, or if it is no stream', async () => {
    const { tenant, key, free } = await busyTenant();
    const off = call(key, { stream: true }, { 'x-talaria-queue-comments': 'off' });
    await until(
      () => statusOf(url, tenant),
      (s) => s.m?.waiting === 1,
    );
    free();
    const answer = await off;
    expect(answer.headers.get('x-talaria-position')).toBe('1');
    expect(await answer.text()).toBe(STREAM);
    await expectIdle(tenant);
  });

  it('is not begun early for a call that has a slot: its status tells the result', async () => {
    const gpu = await endpoint();
    gpu.always = (res) => {
      setTimeout(() => status(400, '{"error":{"message":"odd"}}')(res, undefined as never), 500);
    };
    const { key } = await tenantOf({
      m: { models: ['m'], endpoints: [{ url: gpu.url }], queueCommentsAfterMs: AFTER_MS },
    });
    const answer = await call(key, { stream: true });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: { message: 'odd' } });
    expect(answer.headers.get('x-talaria-backend')).toBe('m');
  });

  it.each([
    ['/v1/chat/completions', /^data: \{"error":.*"code":"queue_timeout"/m],
    ['/v1/messages', /^event: error\ndata: \{"type":"error"/m],
  ])('of %s gets the error in the stream that it waited too long', async (path, told) => {
    const { tenant, key, free } = await busyTenant();
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'x-talaria-max-wait-ms': '400' },
      body: JSON.stringify({
        model: 'm',
        stream: true,
        max_tokens: 5,
        messages: [{ role: 'user', content: 'Hi' }],
      }),
    });
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).toMatch(told);
    expect(text).not.toContain('[DONE]');
    free();
    await expectIdle(tenant);
  });

  it('gives up its place when its client disconnects', async () => {
    const { gpu, tenant, key, free } = await busyTenant();
    const body = { model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] };
    const client = new RawClient(url, key, body);
    await until(
      () => client.received,
      (text) => text.includes(': queued'),
    );
    client.reset();
    await until(
      () => statusOf(url, tenant),
      (s) => s.m?.waiting === 0,
    );
    free();
    await expectIdle(tenant);
    expect(gpu.seen).toHaveLength(1);
  });
});
