/** The operator acts on a tenant whose last endpoint has a long line, and the process crashes between. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { admin } from '../../scripts/stack.ts';
import type { AuditPage, ConfigView } from '../../src/protocol/console/settings.ts';
import type { WarmthView } from '../../src/protocol/console/warmth.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

/** The demo's token beside one with a name. */
const NAMED = 'ann:a-token-with-some-length';
const TOKEN = 'a-token-with-some-length';
const WAITING = 100;

let dispatcher: Dispatcher;
let gpu: Emulator;

beforeAll(async () => {
  dispatcher = await startDispatcher({ ADMIN_TOKEN: `talaria-demo-admin,${NAMED}` });
  gpu = await startEmulator({ models: ['m'], slots: 4, prefillMsPerToken: 0, decodeMsPerToken: 1 });
});

afterAll(async () => {
  await dispatcher.close();
  await gpu.close();
});

function ask(path: string, method = 'GET', token = TOKEN, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  return fetch(`${dispatcher.workerd.url}/console/api${path}`, { ...init, method, headers });
}

function complete(key: string): Promise<Response> {
  return fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'Hello.' }],
      max_tokens: 5,
    }),
  });
}

const config = () => ({
  backends: { m: { models: ['m'], endpoints: [{ name: 'gpu', url: `${gpu.url}/v1`, slots: 1 }] } },
});

async function waitingOf(tenant: string): Promise<number> {
  return (await statusOf(dispatcher.workerd.url, tenant)).m?.waiting ?? 0;
}

describe('a pause of the last endpoint', () => {
  it('lets 100 calls wait, and all are served once it is resumed', async () => {
    const key = await dispatcher.tenant('paused', config());
    const order = (what: string) => ask(`/tenants/paused/endpoints/m/gpu/${what}`, 'POST');
    expect(await (await order('pause')).json()).toMatchObject({ done: true });
    const calls = Array.from({ length: WAITING }, () => complete(key));
    await until(
      () => waitingOf('paused'),
      (n) => n === WAITING,
    );
    expect(await (await order('pause')).json()).toMatchObject({ done: false });
    expect(await (await order('resume')).json()).toMatchObject({ done: true });
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await Promise.all(answers.map((answer) => answer.text()));
  });

  it('holds over a crash', async () => {
    const key = await dispatcher.tenant('crashed', config());
    await ask('/tenants/crashed/endpoints/m/gpu/pause', 'POST');
    await dispatcher.crash();
    const call = complete(key);
    await until(
      () => waitingOf('crashed'),
      (n) => n === 1,
    );
    await ask('/tenants/crashed/endpoints/m/gpu/resume', 'POST');
    const answer = await call;
    expect(answer.status).toBe(200);
    await answer.text();
    const log = (await (await ask('/tenants/crashed/audit')).json()) as AuditPage;
    expect(log.rows.slice(0, 2).map(({ by, action }) => [by, action])).toEqual([
      ['ann', 'endpoint-resume'],
      ['ann', 'endpoint-pause'],
    ]);
  });

  it('is not for a key', async () => {
    const key = await dispatcher.tenant('own', config());
    const refused = await ask('/tenants/own/endpoints/m/gpu/pause', 'POST', key);
    expect(refused.status).toBe(403);
    const foreign = await ask('/tenants/paused/endpoints/m/gpu/pause', 'POST', key);
    expect(foreign.status).toBe(404);
    await (await complete(key)).text();
  });
});

describe('a cold endpoint', () => {
  it('is woken, used, and its timeline and cost are shown', async () => {
    const coldStart = { estimateMs: 500, idleTimeoutMs: 3_600_000 };
    const endpoints = [{ name: 'gpu', url: `${gpu.url}/v1`, slots: 1, coldStart }];
    const key = await dispatcher.tenant('warmed', {
      backends: { m: { models: ['m'], endpoints } },
      prewarm: { pricePerWarmSecond: 1 },
    });
    const woken = await ask('/tenants/warmed/endpoints/m/gpu/wake', 'POST');
    expect(await woken.json()).toMatchObject({ done: true });
    const warmth = async () => (await (await ask('/tenants/warmed/warmth')).json()) as WarmthView;
    const endpointOf = (view: WarmthView) => view.backends[0]?.endpoints[0];
    await until(warmth, (view) => endpointOf(view)?.state === 'warm');
    await (await complete(key)).text();
    const view = await until(warmth, (v) => endpointOf(v)?.wakes[0]?.outcome === 'used');
    expect(endpointOf(view)?.wakes[0]).toMatchObject({ cause: 'operator', outcome: 'used' });
    expect(endpointOf(view)?.wakes[0]?.money).toBeGreaterThan(0);
    const states = endpointOf(view)?.segments.map(({ state }) => state);
    expect(states?.slice(0, 3)).toEqual(['cold', 'warming', 'warm']);
    expect(view.money.spent).toBeGreaterThan(0);
  });
});

describe('a configuration', () => {
  it('that two save at once is saved once, in KV as well', async () => {
    await dispatcher.tenant('saved', config());
    const read = await ask('/tenants/saved/config');
    const { config: shown, version } = (await read.json()) as ConfigView;
    const put = (alpha: number) =>
      ask('/tenants/saved/config', 'PUT', TOKEN, {
        headers: { 'if-match': read.headers.get('etag') ?? '' },
        body: JSON.stringify({ config: { ...shown, alpha } }),
      });
    const answers = await Promise.all([put(0.1), put(0.2), put(0.3)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    const winner = answers.findIndex(({ status }) => status === 200);
    const stored = JSON.parse(await admin(dispatcher.workerd.url, 'GET', '/tenants/saved'));
    expect(stored.config.alpha).toBe([0.1, 0.2, 0.3][winner]);
    expect(stored.version).toBeGreaterThan(version);
  });
});
