/**
 * Admission and the order of calls, and what happens to waiting calls when the tenant's
 * configuration changes. Order is observed at the endpoint, not in what the dispatcher reports.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

let dispatcher: Dispatcher;
let url: string;
let server: Server;
let endpoint: string;
/** Calls that the endpoint holds, by prompt, in the order of arrival. */
let held: Array<{ prompt: string; res: ServerResponse }> = [];
let seen: string[] = [];
let most = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = dispatcher.workerd.url;
  server = createServer((req, res) => {
    // What is asked beside calls, such as an engine's load, is no call.
    if (req.method !== 'POST') return void res.writeHead(404).end();
    let text = '';
    req.on('data', (part) => {
      text += part;
    });
    req.once('end', () => {
      const prompt = String(JSON.parse(text).prompt);
      const call = { prompt, res };
      held.push(call);
      seen.push(prompt);
      most = Math.max(most, held.length);
      res.once('close', () => {
        held = held.filter((other) => other !== call);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  for (const { res } of held) res.destroy();
  seen = [];
  most = 0;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

function config(slots: number, backend: object = {}, more: object = {}): object {
  return {
    backends: {
      m: { models: ['m'], endpoints: [{ name: 'e', url: endpoint, slots }], ...backend },
    },
    ...more,
  };
}

function call(
  key: string,
  prompt: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; text: string }> {
  return fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ model: 'm', prompt }),
  }).then(async (r) => ({ status: r.status, headers: r.headers, text: await r.text() }));
}

function codeOf(answer: { text: string }): unknown {
  return JSON.parse(answer.text).error?.code;
}

/** Resolves when the endpoint holds a call with this prompt. */
function arrived(prompt: string): Promise<unknown> {
  return until(
    () => held.some((c) => c.prompt === prompt),
    (yes) => yes,
  );
}

function answer(prompt: string): void {
  const body = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } };
  for (const { prompt: p, res } of held) {
    if (p === prompt && !res.writableEnded) res.end(JSON.stringify(body));
  }
}

/** Answers calls at the endpoint until it has received this many. */
async function answerAll(calls: number): Promise<void> {
  await until(
    () => {
      for (const { prompt } of held) answer(prompt);
      return seen.length;
    },
    (n) => n >= calls,
  );
  for (const { prompt } of held) answer(prompt);
}

async function waiting(tenant: string, n: number): Promise<void> {
  await until(
    () => statusOf(url, tenant),
    (s) => s.m?.waiting === n,
  );
}

async function idle(tenant: string): Promise<void> {
  await until(
    () => statusOf(url, tenant),
    (s) => s.m?.waiting === 0 && s.m.running === 0,
  );
}

describe('a queue', () => {
  it('that is full refuses the next call, and says when to come back', async () => {
    const key = await dispatcher.tenant('full', config(1, { queue: { depth: 1 } }));
    const first = call(key, 'a');
    await arrived('a');
    const second = call(key, 'b');
    await waiting('full', 1);
    const third = await call(key, 'c');
    expect(third.status).toBe(429);
    expect(JSON.parse(third.text).error).toMatchObject({
      type: 'rate_limit_error',
      code: 'queue_full',
      param: null,
    });
    expect(third.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(Number(third.headers.get('retry-after-ms'))).toBeGreaterThanOrEqual(100);
    await answerAll(2);
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(seen).toEqual(['a', 'b']);
    await idle('full');
  });

  it('of depth 0 admits calls that need not wait, and refuses all others', async () => {
    const key = await dispatcher.tenant('no-queue', config(1, { queue: { depth: 0 } }));
    const first = call(key, 'a');
    await Promise.race([arrived('a'), first]);
    expect(codeOf(await call(key, 'b'))).toBe('queue_full');
    answer('a');
    expect((await first).status).toBe(200);
    await idle('no-queue');
  });

  it('refuses a call that has waited for its longest wait', async () => {
    const key = await dispatcher.tenant('wait', config(1));
    const first = call(key, 'a');
    await arrived('a');
    const second = await call(key, 'b', { 'x-talaria-max-wait-ms': '200' });
    expect(second.status).toBe(503);
    expect(codeOf(second)).toBe('queue_timeout');
    expect(second.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const parts = await call(key, 'c', { 'x-talaria-max-wait-ms': '0.001' });
    expect(codeOf(parts)).toBe('queue_timeout');
    answer('a');
    expect((await first).status).toBe(200);
    await idle('wait');
    expect(seen).toEqual(['a']);
  });
});

describe('the order of calls', () => {
  it('is that of arrival under fcfs', async () => {
    const key = await dispatcher.tenant('fcfs', config(1, {}, { policy: 'fcfs' }));
    const calls = [call(key, 'first')];
    await arrived('first');
    for (const [i, prompt] of ['a', 'b', 'c'].entries()) {
      calls.push(call(key, prompt, { 'x-talaria-run': `run-${i}` }));
      await waiting('fcfs', i + 1);
    }
    await answerAll(4);
    expect((await Promise.all(calls)).map((c) => c.status)).toEqual([200, 200, 200, 200]);
    expect(seen).toEqual(['first', 'a', 'b', 'c']);
  });

  it('is that of least service under las: a new run goes before one that was served', async () => {
    // Arrival has no weight, so the rank alone decides.
    const key = await dispatcher.tenant('las', config(1, {}, { policy: 'las', alpha: 0 }));
    const old = { 'x-talaria-run': 'old' };
    const before = call(key, 'before', old);
    await answerAll(1);
    expect((await before).status).toBe(200);
    const calls = [call(key, 'blocker')];
    await arrived('blocker');
    calls.push(call(key, 'old', old));
    await waiting('las', 1);
    calls.push(call(key, 'new', { 'x-talaria-run': 'new' }));
    await waiting('las', 2);
    await answerAll(4);
    await Promise.all(calls);
    expect(seen).toEqual(['before', 'blocker', 'new', 'old']);
  });

  it('works with an application that is named like a prototype property', async () => {
    const key = await dispatcher.tenant('proto', config(1));
    const calls = [call(key, 'blocker')];
    await arrived('blocker');
    for (const app of ['constructor', '__proto__', 'toString', 'mine']) {
      calls.push(call(key, app, { 'x-talaria-app': app }));
    }
    await waiting('proto', 4);
    await answerAll(5);
    expect((await Promise.all(calls)).map((c) => c.status)).toEqual(Array(5).fill(200));
    await idle('proto');
  });
});

describe('one request id for several calls', () => {
  it('never makes the endpoint get more calls than slots', async () => {
    const key = await dispatcher.tenant('twins', config(1));
    const id = { 'x-request-id': 'the-same-for-all' };
    const first = call(key, 'a', id);
    await arrived('a');
    const others = ['b', 'c', 'd'].map((prompt) => call(key, prompt, id));
    await waiting('twins', 3);
    await answerAll(4);
    for (const twin of await Promise.all([first, ...others])) {
      expect(twin.status).toBe(200);
      expect(twin.headers.get('x-request-id')).toBe('the-same-for-all');
    }
    expect(most).toBe(1);
    expect([...seen].sort()).toEqual(['a', 'b', 'c', 'd']);
    await idle('twins');
  });

  it('does not let one caller end the call of another', async () => {
    const key = await dispatcher.tenant('leaving-twin', config(1));
    const id = { 'x-request-id': 'the-same-for-two' };
    const blocker = call(key, 'blocker');
    await arrived('blocker');
    const stays = call(key, 'stays', id);
    await waiting('leaving-twin', 1);
    // A reset, because bare workerd treats a client that only closes its socket as still reading.
    const { hostname, port } = new URL(url);
    const body = JSON.stringify({ model: 'm', prompt: 'leaves' });
    const leaving = connect(Number(port), hostname);
    leaving.on('error', () => {});
    leaving.write(
      `POST /v1/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer ${key}\r\n` +
        `x-request-id: ${id['x-request-id']}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await waiting('leaving-twin', 2);
    leaving.resetAndDestroy();
    await waiting('leaving-twin', 1);
    await answerAll(2);
    expect((await blocker).status).toBe(200);
    expect((await stays).status).toBe(200);
    expect(seen).toEqual(['blocker', 'stays']);
    await idle('leaving-twin');
  });
});

describe('a change of the tenant', () => {
  it('that revokes a key refuses it at once, and no other', async () => {
    const key = await dispatcher.tenant('revoked', config(1));
    const made = JSON.parse(await admin(url, 'POST', '/tenants/revoked/keys'));
    const before = call(made.key, 'a');
    await answerAll(1);
    expect((await before).status).toBe(200);
    await admin(url, 'DELETE', `/tenants/revoked/keys/${made.id}`);
    const refused = await call(made.key, 'b');
    expect([refused.status, codeOf(refused)]).toEqual([401, 'invalid_api_key']);
    const other = call(key, 'c');
    await answerAll(2);
    expect((await other).status).toBe(200);
    expect(seen).toEqual(['a', 'c']);
  });

  it('to more slots grants waiting calls', async () => {
    const key = await dispatcher.tenant('wider', config(1));
    const calls = [call(key, 'a')];
    await arrived('a');
    calls.push(call(key, 'b'), call(key, 'c'));
    await waiting('wider', 2);
    await admin(url, 'PUT', '/tenants/wider', config(2));
    await until(
      () => held.length,
      (n) => n === 2,
    );
    await waiting('wider', 1);
    await answerAll(3);
    expect((await Promise.all(calls)).map((c) => c.status)).toEqual([200, 200, 200]);
    expect(most).toBe(2);
    await idle('wider');
  });

  it('to fewer slots lets running calls end, and then holds', async () => {
    const key = await dispatcher.tenant('narrower', config(2));
    const calls = [call(key, 'a'), call(key, 'b')];
    await until(
      () => held.length,
      (n) => n === 2,
    );
    await admin(url, 'PUT', '/tenants/narrower', config(1));
    calls.push(call(key, 'c'));
    await waiting('narrower', 1);
    answer('a');
    await until(
      () => statusOf(url, 'narrower'),
      (s) => s.m?.running === 1,
    );
    expect(seen).not.toContain('c');
    await answerAll(3);
    expect((await Promise.all(calls)).map((c) => c.status)).toEqual([200, 200, 200]);
  });

  it('that removes a backend refuses calls that wait for it, and lets running ones end', async () => {
    const key = await dispatcher.tenant('less', config(1));
    const running = call(key, 'a');
    await arrived('a');
    const waits = call(key, 'b');
    await waiting('less', 1);
    const other = { backends: { other: { models: ['o'], endpoints: [{ url: endpoint }] } } };
    await admin(url, 'PUT', '/tenants/less', other);
    const refused = await waits;
    expect([refused.status, codeOf(refused)]).toEqual([404, 'backend_not_found']);
    expect(codeOf(await call(key, 'c'))).toBe('model_not_found');
    answer('a');
    expect((await running).status).toBe(200);
    expect(seen).toEqual(['a']);
    const left = await until(
      () => statusOf(url, 'less'),
      (s) => s.m === undefined,
    );
    expect(left.other).toMatchObject({ running: 0, waiting: 0 });
  });

  it('that renames the endpoint applies to waiting calls', async () => {
    const key = await dispatcher.tenant('renamed', config(1));
    const running = call(key, 'a');
    await arrived('a');
    const waits = call(key, 'b');
    await waiting('renamed', 1);
    const endpoints = [{ name: 'other', url: endpoint, slots: 1 }];
    await admin(url, 'PUT', '/tenants/renamed', config(1, { endpoints }));
    await answerAll(2);
    expect([(await running).status, (await waits).status]).toEqual([200, 200]);
  });

  it('that deletes it refuses its key and its waiting calls', async () => {
    const key = await dispatcher.tenant('gone', config(1));
    const running = call(key, 'a');
    await arrived('a');
    const waits = call(key, 'b');
    await waiting('gone', 1);
    await admin(url, 'DELETE', '/tenants/gone');
    expect((await waits).status).toBeGreaterThanOrEqual(401);
    const refused = await call(key, 'c');
    expect([refused.status, codeOf(refused)]).toEqual([401, 'invalid_api_key']);
    answer('a');
    expect((await running).status).toBe(200);
    await expect(admin(url, 'GET', '/tenants/gone/status')).rejects.toThrow(/404/);
    // Created again, the tenant has nothing of the deleted one: no key, no call, no run.
    const again = await dispatcher.tenant('gone', config(1));
    expect(codeOf(await call(key, 'd'))).toBe('invalid_api_key');
    const works = call(again, 'e');
    await arrived('e');
    answer('e');
    expect((await works).status).toBe(200);
    expect(seen).toEqual(['a', 'e']);
  });
});

describe('units that the client runs itself', () => {
  it('are visits of the run, on the backend "client"', async () => {
    const key = await dispatcher.tenant('own-units', config(1));
    const run = { 'x-talaria-app': 'app', 'x-talaria-run': 'run-1' };
    const tell = (path: string, body: object) =>
      fetch(`${url}/v1/runs/run-1/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(body),
      }).then(async (r) => ({ status: r.status, body: await r.json() }));
    const first = call(key, 'a', { ...run, 'x-talaria-unit': 'plan' });
    await answerAll(1);
    await first;
    expect(await tell('events', { type: 'unit_begin', unit: 'shell', app: 'app' })).toEqual({
      status: 202,
      body: { run: 'run-1', accepted: true },
    });
    expect((await tell('events', { type: 'unit_end', unit: 'shell' })).status).toBe(202);
    const last = call(key, 'b', { ...run, 'x-talaria-unit': 'report' });
    await answerAll(2);
    await last;
    expect((await tell('finish', {})).body).toEqual({ run: 'run-1', finished: true });
    expect((await tell('finish', {})).status).toBe(404);
    const lines = (await admin(url, 'GET', '/tenants/own-units/runs')).trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      app: 'app',
      run: 'run-1',
      units: [
        { unit: 'plan', backend: 'm' },
        { unit: 'shell', backend: 'client', calls: [{ service_ms: expect.any(Number) }] },
        { unit: 'report', backend: 'm' },
      ],
    });
  });
});
