/**
 * Limits and explanations on bare workerd: the limits of a key, a run and a queue, the headers that
 * explain an answer, and the log entry of a call, which can be read afterwards.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

const CHAT = '/v1/chat/completions';
const BODY = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'x'.repeat(40) }] };

let dispatcher: Dispatcher;
let server: Server;
let endpoint: string;
let tenants = 0;
/** Answers that are held back, oldest first. */
let waiting: Array<() => void> = [];
let holds: boolean;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  server = createServer((req, res) => {
    // What is asked beside calls, such as an engine's load, is no call.
    if (req.method !== 'POST') return void res.writeHead(404).end();
    req.resume();
    req.once('end', () => {
      if (holds) waiting.push(() => answer(res));
      else answer(res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  holds = false;
  waiting = [];
});

function answer(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end('{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":500}}');
}

/** A new tenant with these limits and this many slots. */
async function tenant(config: object = {}, queue: object = {}, slots = 4) {
  tenants += 1;
  const name = `limits-${tenants}`;
  const key = await dispatcher.tenant(name, {
    backends: { m: { models: ['m'], endpoints: [{ name: 'gpu', url: endpoint, slots }], queue } },
    ...config,
  });
  const { url } = dispatcher.workerd;
  const send = (headers: Record<string, string> = {}, body: object = {}) =>
    fetch(`${url}${CHAT}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ ...BODY, ...body }),
    });
  const story = (id: string, as = key) =>
    fetch(`${url}/v1/calls/${id}`, { headers: { authorization: `Bearer ${as}` } });
  const status = async () => (await statusOf(url, name)).m;
  return { name, key, send, story, status };
}

async function codeOf(response: Response): Promise<[number, string]> {
  return [response.status, JSON.parse(await response.text()).error.code];
}

/** Removes the backend from the configuration, so that calls that wait for it are refused. */
async function removeBackend(name: string): Promise<void> {
  const backends = { other: { models: ['other'], endpoints: [{ url: endpoint }] } };
  await admin(dispatcher.workerd.url, 'PUT', `/tenants/${name}`, { backends });
}

/** Sends all answers that are held back, and no longer holds back later ones. */
function release(): void {
  holds = false;
  for (const proceed of waiting.splice(0)) proceed();
}

describe('requests a minute', () => {
  it('are counted down, and then refused with the time to wait', async () => {
    const { send, status } = await tenant({ limits: { requestsPerMinute: 2 } });
    const first = await send();
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^(30|29)(\.\d+)?s$/);
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBeNull();
    await first.text();
    await (await send()).text();
    const refused = await send();
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after-ms'))).toBeLessThanOrEqual(30_000);
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(refused.headers.get('x-talaria-backend')).toBe('m');
    expect(await codeOf(refused)).toEqual([429, 'rate_limit_exceeded']);
    expect(await status()).toMatchObject({ running: 0, waiting: 0 });
  });

  it('of a key override those of the tenant', async () => {
    const { name, send } = await tenant({ limits: { requestsPerMinute: 1 } });
    const { url } = dispatcher.workerd;
    const { config } = JSON.parse(await admin(url, 'GET', `/tenants/${name}`));
    const keys = [{ ...config.keys[0], limits: { requestsPerMinute: 7 } }];
    await admin(url, 'PUT', `/tenants/${name}`, { ...config, keys });
    const response = await send();
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('7');
    await response.text();
  });
});

describe('tokens a minute', () => {
  it('are estimated when a call arrives and corrected when it has ended', async () => {
    const { send } = await tenant({ limits: { tokensPerMinute: 1_000 } });
    const first = await send();
    // 10 tokens of text, and 10 that the answer may have.
    expect(first.headers.get('x-ratelimit-remaining-tokens')).toBe('980');
    await first.text();
    const left = await until(
      async () => {
        const next = await send({ 'x-talaria-max-wait-ms': '1' });
        await next.text();
        return Number(next.headers.get('x-ratelimit-remaining-tokens'));
      },
      (n) => n < 500,
    );
    expect(left).toBeGreaterThanOrEqual(0);
  });
});

describe("a key's tokens", () => {
  it('are counted whatever stands in fields that the API does not have', async () => {
    const { send } = await tenant({ limits: { tokensPerMinute: 10_000 } });
    for (const max_output_tokens of [{ a: 1 }, 'x', '9', true, [], -1e300]) {
      const answer = await send({}, { max_output_tokens });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-ratelimit-remaining-tokens')).toMatch(/^\d+$/);
      await answer.text();
    }
  });
});

describe('a full queue', () => {
  it("refuses by count, and a refused call takes nothing from the key's limits", async () => {
    holds = true;
    const limits = { requestsPerMinute: 1_000 };
    const { send, status } = await tenant({ limits }, { depth: 1 }, 1);
    const calls = [send(), send()];
    await until(status, (s) => s?.waiting === 1 && s.running === 1);
    const refused = await send();
    expect(await codeOf(refused)).toEqual([429, 'queue_full']);
    const next = await send();
    const remaining = Number(next.headers.get('x-ratelimit-remaining-requests'));
    expect(remaining).toBeGreaterThanOrEqual(997);
    expect(await codeOf(next)).toEqual([429, 'queue_full']);
    await until(
      () => waiting.length,
      (n) => n === 1,
    );
    release();
    for (const call of await Promise.all(calls)) {
      expect(call.status).toBe(200);
      await call.text();
    }
  });

  it('refuses by the bytes of the waiting calls', async () => {
    holds = true;
    const { send, status } = await tenant({}, { bytes: 10_000 }, 1);
    const large = { user: 'x'.repeat(6_000) };
    const calls = [send({}, large), send({}, large)];
    await until(status, (s) => s?.waiting === 1 && s.running === 1);
    expect(await codeOf(await send({}, large))).toEqual([429, 'queue_full']);
    // A small call still fits.
    calls.push(send());
    await until(status, (s) => s?.waiting === 2);
    await until(
      () => waiting.length,
      (n) => n === 1,
    );
    release();
    for (const call of await Promise.all(calls)) await call.text();
  });
});

describe('calls of one run at a time', () => {
  it('are limited, without an effect on other runs', async () => {
    holds = true;
    const { send, status } = await tenant({ limits: { runCalls: 2 } });
    const calls = [send({ 'x-talaria-run': 'r' }), send({ 'x-talaria-run': 'r' })];
    await until(status, (s) => s?.running === 2);
    const refused = await send({ 'x-talaria-run': 'r' });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(refused.headers.get('x-talaria-run')).toBe('r');
    expect(await codeOf(refused)).toEqual([429, 'run_calls_exceeded']);
    calls.push(send({ 'x-talaria-run': 'other' }));
    await until(
      () => waiting.length,
      (n) => n === 3,
    );
    release();
    for (const call of await Promise.all(calls))
      expect((await call.text()).length).toBeGreaterThan(0);
    expect(await status()).toMatchObject({ running: 0, waiting: 0 });
  });
});

describe('an answer', () => {
  it('explains how it came about', async () => {
    const { send } = await tenant();
    const response = await send({ 'x-request-id': 'explained-1', 'x-talaria-app': 'a' });
    await response.text();
    const told = Object.fromEntries(
      [...response.headers].filter(([n]) => n.startsWith('x-talaria-') || n === 'x-request-id'),
    );
    expect(told).toMatchObject({
      'x-request-id': 'explained-1',
      'x-talaria-app': 'a',
      'x-talaria-backend': 'm',
      'x-talaria-endpoint': 'gpu',
      'x-talaria-endpoint-state': 'warm',
      'x-talaria-position': '0',
      'x-talaria-attempts': '1',
      'x-talaria-cold-ms': '0',
    });
    expect(Number(told['x-talaria-rank-ms'])).toBeGreaterThan(0);
    // With an alpha of 0.5, the bound is twice the rank.
    const bound = Number(told['x-talaria-bound-ms']);
    expect(Math.abs(bound - 2 * Number(told['x-talaria-rank-ms']))).toBeLessThanOrEqual(1);
    const timing = response.headers.get('server-timing');
    expect(timing).toMatch(/^queue;dur=\d+, cold;dur=0, upstream;dur=\d+$/);
  });

  it("names the run's application, whatever the call alone would be identified as", async () => {
    const { send } = await tenant();
    const run = { 'x-talaria-run': 'r' };
    await (await send({ ...run, 'x-talaria-app': 'first' })).text();
    const second = await send(run);
    expect(second.headers.get('x-talaria-app')).toBe('first');
    await second.text();
  });

  it('explains itself on errors too', async () => {
    holds = true;
    const { name, send, status } = await tenant({}, {}, 1);
    const first = send();
    await until(status, (s) => s?.running === 1);
    const waits = send({ 'x-talaria-unit': 'u' });
    await until(status, (s) => s?.waiting === 1);
    await removeBackend(name);
    const late = await waits;
    expect(late.headers.get('x-talaria-unit')).toBe('u');
    expect(late.headers.get('x-talaria-position')).toBe('1');
    expect(late.headers.get('x-talaria-attempts')).toBe('0');
    expect(await codeOf(late)).toEqual([404, 'backend_not_found']);
    release();
    await (await first).text();
  });
});

describe('the log entry of a call', () => {
  it('has arrival, identity, attempts and result, by either id', async () => {
    const { send, story } = await tenant();
    const response = await send({ 'x-request-id': 'story-0001', 'x-talaria-run': 'r' });
    const call = response.headers.get('x-talaria-call') ?? '';
    await response.text();
    const told = await until(
      async () => JSON.parse(await (await story('story-0001')).text()),
      (s) => s.state === 'ended',
    );
    expect(told).toMatchObject({
      call,
      request_id: 'story-0001',
      backend: 'm',
      position: 0,
      identity: { run: 'r', why: { run: 'x-talaria-run' } },
      request: { kind: 'llm', input_tokens: 10, max_output_tokens: 10 },
      attempts: [{ endpoint: 'gpu', endpoint_state: 'warm', ended: { how: 'ended' } }],
      result: { outcome: 'ok', input_tokens: 12, output_tokens: 500 },
    });
    expect(JSON.parse(await (await story(call)).text())).toEqual(told);
  });

  it('has the wait, the predictions, and a refusal', async () => {
    holds = true;
    const { name, send, story, status } = await tenant({}, {}, 1);
    const first = send();
    await until(status, (s) => s?.running === 1);
    const waits = send({ 'x-request-id': 'waited-01' });
    await until(status, (s) => s?.waiting === 1);
    await removeBackend(name);
    await (await waits).text();
    const told = JSON.parse(await (await story('waited-01')).text());
    expect(told).toMatchObject({
      state: 'refused',
      position: 1,
      arrival: { position: 1 },
      attempts: [],
      refusal: { code: 'backend_removed' },
    });
    expect(told.arrival.rank_ms).toBeGreaterThan(0);
    expect(told.arrival.expected_wait_ms).toBeGreaterThan(0);
    release();
    await (await first).text();
  });

  it('is visible to its own tenant only, and is dropped after 1,000 newer ones', async () => {
    const { send, story } = await tenant();
    const other = await tenant();
    await (await send({ 'x-request-id': 'mine-0001' })).text();
    expect((await story('mine-0001')).status).toBe(200);
    expect(await codeOf(await story('mine-0001', other.key))).toEqual([404, 'call_not_found']);
    expect((await story('mine-0001', 'wrong')).status).toBe(401);
    for (let i = 0; i < 1_000; i += 50) {
      const calls = await Promise.all(Array.from({ length: 50 }, () => send()));
      for (const call of calls) await call.text();
    }
    expect(await codeOf(await story('mine-0001'))).toEqual([404, 'call_not_found']);
  });
});
