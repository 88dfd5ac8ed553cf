/**
 * The emulated endpoint's faults, cold starts and statistics, over real HTTP on a free loopback
 * port. Time runs a thousand times as fast; no test checks how long something takes.
 */
import { request } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Emulator, startEmulator } from '../../../../scripts/gpu/emulator.ts';
import type { EmulatorOptions } from '../../../../scripts/gpu/exchange.ts';
import { PATIENT } from '../../../patience.ts';

const open: Emulator[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((emulator) => emulator.close()));
});

async function start(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const emulator = await startEmulator({
    models: ['m', 'embed'],
    slots: 2,
    prefillMsPerToken: 0.1,
    decodeMsPerToken: 20,
    timeScale: 1_000,
    ...options,
  });
  open.push(emulator);
  return emulator;
}

const CHAT = { model: 'm', messages: [{ role: 'user', content: 'Hello, you' }], max_tokens: 5 };

function post(emulator: Emulator, path: string, body: unknown, init: RequestInit = {}) {
  return fetch(`${emulator.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...init.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(init.signal ? { signal: init.signal } : {}),
  });
}

const chat = (emulator: Emulator, body: object = {}, init?: RequestInit) =>
  post(emulator, '/v1/chat/completions', { ...CHAT, ...body }, init);

describe('faults', () => {
  it.each(['500', '503', '429'] as const)('answer %s as often as planned', async (kind) => {
    const emulator = await start();
    emulator.fault({ kind });
    const response = await chat(emulator);
    expect(response.status).toBe(Number(kind));
    expect(response.headers.get('retry-after')).toBe(kind === '429' ? '1' : null);
    expect((await chat(emulator)).status).toBe(200);
  });

  it('cut a stream after some content', async () => {
    const emulator = await start();
    const headers = { 'x-emulator-fault': 'cut' };
    const response = await chat(emulator, { stream: true, max_tokens: 100_000 }, { headers });
    let text = '';
    const read = async () => {
      for await (const part of response.body ?? []) text += Buffer.from(part as Uint8Array);
    };
    await expect(read()).rejects.toThrow();
    expect(text).toContain('"content"');
    expect(text).not.toContain('[DONE]');
  });

  it('cut a short stream after its content, too', async () => {
    const headers = { 'x-emulator-fault': 'cut' };
    const response = await chat(await start(), { stream: true, max_tokens: 1 }, { headers });
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toContain('"content"');
    await expect(
      (async () => {
        for (let end = false; !end; ) end = (await reader?.read())?.done ?? true;
      })(),
    ).rejects.toThrow();
  });

  it('cut a plain answer in its body', async () => {
    const headers = { 'x-emulator-fault': 'cut' };
    const response = await chat(await start(), {}, { headers });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it('answer garbage that claims to be JSON', async () => {
    const response = await chat(await start(), {}, { headers: { 'x-emulator-fault': 'garbage' } });
    expect(response.status).toBe(200);
    await expect(response.json()).rejects.toThrow(SyntaxError);
  });

  it('hang, with a slot, until the client leaves', async () => {
    const emulator = await start();
    const client = new AbortController();
    const headers = { 'x-emulator-fault': 'hang' };
    const answer = chat(emulator, {}, { headers, signal: client.signal });
    await vi.waitUntil(() => emulator.stats().running === 1, PATIENT);
    client.abort();
    await expect(answer).rejects.toThrow('aborted');
    await vi.waitUntil(() => emulator.stats().running === 0, PATIENT);
    expect(emulator.stats()).toMatchObject({ aborted: 1, served: 0 });
  });

  it('can be planned over HTTP', async () => {
    const emulator = await start();
    const plan = { kind: '500', count: 1, path: '/tools/' };
    expect((await post(emulator, '/_emulator/faults', plan)).status).toBe(201);
    expect((await chat(emulator)).status).toBe(200);
    expect((await post(emulator, '/tools/x', {})).status).toBe(500);
    const odd = await post(emulator, '/_emulator/faults', { kind: 'odd' });
    expect(odd.status).toBe(400);
    expect(await odd.json()).toMatchObject({ error: { param: 'kind' } });
  });
});

describe('a client that leaves', () => {
  it('frees its slot, for a call that waits too', async () => {
    const emulator = await start({ slots: 1, timeScale: 1 });
    const client = new AbortController();
    const long = { max_tokens: 100_000 };
    const gone = [1, 2].map(() => chat(emulator, long, { signal: client.signal }));
    await vi.waitUntil(() => emulator.stats().waiting === 1, PATIENT);
    client.abort();
    await Promise.allSettled(gone);
    await vi.waitUntil(() => emulator.stats().running + emulator.stats().waiting === 0, PATIENT);
    expect(emulator.stats()).toMatchObject({
      aborted: 2,
      served: 0,
      maxRunning: 1,
      maxInFlight: 2,
    });
  });
});

describe('a cold endpoint', () => {
  const cold = { coldStartMs: 100_000, idleTimeoutMs: 1e9 };

  it('holds a call until it is warm', async () => {
    const emulator = await start(cold);
    expect((await fetch(`${emulator.url}/health`)).status).toBe(503);
    expect(emulator.stats().state).toBe('cold');
    expect((await chat(emulator)).status).toBe(200);
    expect((await fetch(`${emulator.url}/health`)).status).toBe(200);
    expect(emulator.stats()).toMatchObject({ state: 'warm', coldStarts: 1, served: 1 });
    expect(emulator.stats().coldWaitMs).toBeGreaterThan(0);
  });

  it('answers 503 where told so, and warms up', async () => {
    const emulator = await start({ ...cold, coldAnswer: '503' });
    const response = await chat(emulator);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(await response.text()).toContain('Loading model');
    await vi.waitUntil(() => emulator.stats().state === 'warm', PATIENT);
    expect((await chat(emulator)).status).toBe(200);
  });

  it('is woken by POST /wake, not by reading its state, and is cold after a reset', async () => {
    const emulator = await start({ ...cold, timeScale: 1 });
    for (const path of ['/health', '/metrics', '/v1/models', '/_emulator/state']) {
      await (await fetch(`${emulator.url}${path}`)).arrayBuffer();
    }
    expect(emulator.stats().state).toBe('cold');
    const response = await post(emulator, '/wake', '');
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({ state: 'warming' });
    expect(emulator.stats()).toMatchObject({ running: 0, pings: 1 });
    await post(emulator, '/_emulator/reset', '');
    expect(emulator.stats()).toMatchObject({ state: 'cold', pings: 0 });
  });
});

describe('what can be read', () => {
  it('are the gauges of a vLLM', async () => {
    const emulator = await start({ slots: 1 });
    const client = new AbortController();
    const headers = { 'x-emulator-fault': 'hang' };
    const held = [1, 2].map(() => chat(emulator, {}, { headers, signal: client.signal }));
    await vi.waitUntil(() => emulator.stats().waiting === 1, PATIENT);
    const text = await (await fetch(`${emulator.url}/metrics`)).text();
    expect(text).toContain('vllm:num_requests_running{model_name="m"} 1\n');
    expect(text).toContain('vllm:num_requests_waiting{model_name="m"} 1\n');
    expect(text).toContain('vllm:kv_cache_usage_perc{model_name="m"} 1\n');
    client.abort();
    await Promise.allSettled(held);
  });

  it('are the models', async () => {
    const response = await fetch(`${(await start()).url}/v1/models`);
    expect(await response.json()).toMatchObject({ data: [{ id: 'm' }, { id: 'embed' }] });
  });

  it('is the state, as the program that started it sees it', async () => {
    const emulator = await start();
    await (await chat(emulator)).arrayBuffer();
    await vi.waitUntil(() => emulator.stats().served === 1, PATIENT);
    const response = await fetch(`${emulator.url}/_emulator/state`);
    expect(await response.json()).toEqual(emulator.stats());
  });
});

describe('an odd request', () => {
  it('does not end the endpoint', async () => {
    const emulator = await start();
    const status = await new Promise((resolve, reject) => {
      const { port } = emulator;
      const odd = request({ host: '127.0.0.1', port, path: '//' }, (r) => {
        r.resume();
        resolve(r.statusCode);
      });
      odd.on('error', reject).end();
    });
    expect(status).toBeTypeOf('number');
    expect((await chat(emulator)).status).toBe(200);
  });
});

describe('starting', () => {
  it('is refused where the port is taken', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toThrow('EADDRINUSE');
  });
});
