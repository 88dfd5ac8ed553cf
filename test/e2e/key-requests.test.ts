/**
 * Requests of a key that are not model calls, on bare workerd: token counts and run events count
 * towards the key's limits, are bounded, and are refused with a reason. None of them wakes an
 * endpoint, and no key takes the room of another.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, RawClient, startDispatcher, until } from './harness.ts';

const MESSAGES = [{ role: 'user', content: 'x' }];
const COUNT = { model: 'm', messages: MESSAGES };

let dispatcher: Dispatcher;
let server: Server;
let url: string;
let tenants = 0;
/** Paths of all requests that reached the endpoint. */
let reached: string[] = [];
/** Answers that are held back, oldest first. */
let held: Array<() => void> = [];
let holds = false;
/** Status and headers of the endpoint's answers. */
let status = 200;
let headers: Record<string, string> = {};

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      reached.push(req.url ?? '');
      if (holds) held.push(() => answer(res));
      else answer(res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  [reached, held, holds, status, headers] = [[], [], false, 200, {}];
});

function answer(res: ServerResponse): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end('{"input_tokens":7,"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}');
}

function release(): void {
  holds = false;
  for (const proceed of held.splice(0)) proceed();
}

/** A tenant of its own with two keys. */
async function tenant(config: object = {}, backend: object = {}, endpoint: object = {}) {
  tenants += 1;
  const name = `side-${tenants}`;
  const backends = { m: { models: ['m'], endpoints: [{ url, ...endpoint }], ...backend } };
  const a = await dispatcher.tenant(name, { backends, ...config });
  const base = dispatcher.workerd.url;
  const path = `/tenants/${name}`;
  const b = JSON.parse(await admin(base, 'POST', `${path}/keys`)).key as string;
  const post = (key: string, to: string, body: object, more: Record<string, string> = {}) =>
    fetch(`${base}${to}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...more },
      body: JSON.stringify(body),
    });
  return {
    a,
    b,
    path,
    post,
    count: (key = a) => post(key, '/v1/messages/count_tokens', COUNT),
    chat: (key = a, more: Record<string, string> = {}) =>
      post(key, '/v1/chat/completions', { model: 'm', messages: MESSAGES, max_tokens: 1 }, more),
    event: (key: string, run: string, type: string, app?: string) =>
      post(key, `/v1/runs/${run}/events`, { type, unit: 'u', ...(app ? { app } : {}) }),
    finish: (key: string, run: string) => post(key, `/v1/runs/${run}/finish`, {}),
    keys: async (): Promise<Array<{ open_runs: number; side_calls: number }>> =>
      Object.values(JSON.parse(await admin(base, 'GET', `${path}/status`)).keys),
    config: async () => JSON.parse(await admin(base, 'GET', path)).config,
    put: (body: object) => admin(base, 'PUT', path, body),
  };
}

async function refusal(response: Response) {
  const { error } = JSON.parse(await response.text());
  return { status: response.status, code: error.code ?? error.type, message: error.message };
}

async function ok(response: Response): Promise<void> {
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

describe('a token count', () => {
  it('counts as a request for the limits of its key', async () => {
    const { a, b, count } = await tenant({ limits: { requestsPerMinute: 2 } });
    const first = await count(a);
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    await ok(first);
    await ok(await count(a));
    const third = await count(a);
    expect(third.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    const told = await refusal(third);
    expect(told.status).toBe(429);
    expect(told.message).toContain('2 requests a minute');
    expect(reached).toHaveLength(2);
    await ok(await count(b));
  });

  it('runs in a bounded number for each key, and gives its place back however it ends', async () => {
    holds = true;
    const { a, b, count, keys, post } = await tenant({ limits: { sideCalls: 2 } });
    const path = '/v1/messages/count_tokens';
    const leaves = new RawClient(dispatcher.workerd.url, a, COUNT, [], path);
    const calls = [count(a)];
    await until(keys, (k) => k[0]?.side_calls === 2);
    const refused = await count(a);
    expect(refused.headers.get('retry-after')).toBe('1');
    const told = await refusal(refused);
    expect(told.status).toBe(429);
    expect(told.message).toContain('2 requests without a slot');
    calls.push(count(b));
    await until(
      () => held.length,
      (n) => n === 3,
    );
    leaves.reset();
    await until(keys, (k) => k.every((of) => of.side_calls <= 1));
    calls.push(count(a));
    await until(
      () => held.length,
      (n) => n === 4,
    );
    release();
    for (const call of calls) await ok(await call);
    await until(keys, (k) => k.length === 0);
    // An invalid body takes no place.
    expect((await post(a, path, {})).status).toBe(400);
    expect(await keys()).toEqual([]);
  });

  it('runs in a bounded number at each endpoint', async () => {
    holds = true;
    const { a, b, count, keys } = await tenant({}, { sideCalls: 1 });
    const first = count(a);
    await until(keys, (k) => k[0]?.side_calls === 1);
    const told = await refusal(await count(b));
    expect(told.status).toBe(429);
    expect(told.message).toContain('1 requests without a slot run at each endpoint');
    await until(
      () => held.length,
      (n) => n === 1,
    );
    release();
    await ok(await first);
    await until(keys, (k) => k.length === 0);
    await ok(await count(b));
  });

  it('wakes no endpoint, and is served once calls have woken it', async () => {
    const coldStart = { estimateMs: 3_000, idleTimeoutMs: 600_000 };
    const { a, chat, count, path } = await tenant({}, {}, { coldStart });
    for (let i = 0; i < 5; i += 1) {
      const refused = await count(a);
      expect(refused.headers.get('retry-after')).toBe('3');
      expect(refused.status).toBe(503);
      expect((await refusal(refused)).message).toContain('is warm');
    }
    expect(reached).toEqual([]);
    await ok(await chat());
    await ok(await count(a));
    const { backends } = JSON.parse(await admin(dispatcher.workerd.url, 'GET', `${path}/status`));
    expect(backends.m.endpoints[0].state).toBe('warm');
  });

  it('does not ask an endpoint again before the time that it asked for', async () => {
    [status, headers] = [429, { 'retry-after': '20' }];
    const { a, b, count, chat } = await tenant();
    const first = await count(a);
    expect([first.status, first.headers.get('retry-after')]).toEqual([503, '20']);
    await first.text();
    status = 200;
    const second = await count(a);
    expect(second.status).toBe(503);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(1);
    await second.text();
    expect(reached).toHaveLength(1);
    // A refusal to one key stops neither another key nor model calls.
    await ok(await count(b));
    await ok(await chat(a));
  });

  it('of a key that was revoked is refused', async () => {
    const { a, count, config, put } = await tenant();
    await ok(await count(a));
    const present = await config();
    await put({ ...present, keys: present.keys.slice(1) });
    expect((await count(a)).status).toBe(401);
  });
});

describe('the runs of a key', () => {
  it('are reported within its limits', async () => {
    const { a, b, event, finish } = await tenant({ limits: { requestsPerMinute: 2 } });
    expect((await event(a, 'r', 'unit_begin', 'app')).status).toBe(202);
    expect((await event(a, 'r', 'unit_end')).status).toBe(202);
    const third = await finish(a, 'r');
    expect(third.headers.get('retry-after')).not.toBeNull();
    expect(await refusal(third)).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect((await finish(b, 'r')).status).toBe(200);
    expect(await refusal(await finish(b, 'r'))).toMatchObject({ code: 'run_not_found' });
  });

  it('are open in a bounded number, the longest idle one making room', async () => {
    const { a, b, chat, event, keys, finish } = await tenant({ limits: { openRuns: 3 } });
    await event(b, 'of-b', 'unit_begin', 'app');
    for (let i = 0; i < 20; i += 1) {
      expect((await event(a, `r${i}`, 'unit_begin', 'app')).status).toBe(202);
    }
    expect((await keys()).map((k) => k.open_runs).sort()).toEqual([1, 3]);
    expect((await finish(a, 'r0')).status).toBe(404);
    expect((await finish(a, 'r19')).status).toBe(200);
    expect((await finish(b, 'of-b')).status).toBe(200);
    // If all of its open runs have calls, one more is refused with the reason.
    holds = true;
    const calls = ['x', 'y', 'z'].map((run) => chat(a, { 'x-talaria-run': run }));
    await until(
      () => held.length,
      (n) => n === 3,
    );
    const told = await refusal(await event(a, 'one-more', 'unit_begin', 'app'));
    expect(told).toMatchObject({ status: 429, code: 'open_runs_exceeded' });
    expect(told.message).toContain('3 runs of this key');
    const refused = await chat(a, { 'x-talaria-run': 'one-more' });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(await refusal(refused)).toMatchObject({ status: 429, code: 'open_runs_exceeded' });
    // Its runs continue, and so does the other key.
    expect((await event(a, 'x', 'unit_begin')).status).toBe(202);
    expect((await event(b, 'other', 'unit_begin', 'app')).status).toBe(202);
    release();
    for (const call of calls) await ok(await call);
  });
});

describe('an application that is bound to a key', () => {
  it('is refused to every other key, in calls, in run events and through its runs', async () => {
    const { a, b, chat, event, finish, config, put } = await tenant({
      applications: { urgent: { weight: 100 } },
    });
    const present = await config();
    const [first, second] = present.keys;
    await put({
      ...present,
      applications: { urgent: { weight: 100, keys: [second.id] } },
      keys: [{ ...first, applications: ['chat', 'batch-*'] }, second],
    });
    const named = (app: string, run?: string) => ({
      'x-talaria-app': app,
      ...(run ? { 'x-talaria-run': run } : {}),
    });
    await ok(await chat(a, named('batch-1')));
    await ok(await chat(b, named('urgent', 'run-of-b')));
    for (const app of ['urgent', 'other']) {
      const told = await refusal(await chat(a, named(app)));
      expect(told).toMatchObject({ status: 403, code: 'permission_denied' });
      expect(told.message).toContain(`application "${app}"; it may use "chat", "batch-*"`);
    }
    // A call without a name belongs to the key's own application; one of a run belongs to the
    // run's.
    await ok(await chat(a));
    expect((await chat(a, named('chat', 'run-of-b'))).status).toBe(403);
    expect((await event(a, 'mine', 'unit_begin', 'urgent')).status).toBe(403);
    expect((await event(a, 'mine', 'unit_begin', 'chat')).status).toBe(202);
    for (const type of ['unit_begin', 'unit_end']) {
      expect((await event(a, 'run-of-b', type)).status).toBe(403);
    }
    expect((await finish(a, 'run-of-b')).status).toBe(403);
    expect((await finish(b, 'run-of-b')).status).toBe(200);
  });
});
