/**
 * Adapters on emulated vLLM and SGLang servers: calls wait until theirs is loaded, servers are never
 * told to hold more than fit or to drop one in use, and restarts of either side are survived.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import type { EmulatorOptions } from '../../scripts/gpu/exchange.ts';
import { ADMIN_TOKEN, admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

let dispatcher: Dispatcher;
let gpus: Emulator[] = [];
let tenants = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
});
afterEach(async () => {
  await Promise.all(gpus.map((gpu) => gpu.close()));
  gpus = [];
});
afterAll(() => dispatcher?.close());

const ENGINE = { models: ['m'], slots: 4, prefillMsPerToken: 0, decodeMsPerToken: 1 };
type Adapters = NonNullable<EmulatorOptions['adapters']>;

async function start(options: Partial<Adapters> = {}, count = 1, backend: object = {}) {
  const { engine = 'vllm', most = 1 } = options;
  const adapters = { engine, most, loadMs: 50, ...options };
  gpus = await Promise.all(
    Array.from({ length: count }, () => startEmulator({ ...ENGINE, adapters })),
  );
  const endpoints = gpus.map(({ url }, i) => ({
    name: `gpu-${i}`,
    url: `${url}/v1`,
    slots: 4,
    maxLoras: most,
  }));
  tenants += 1;
  const tenant = `adapters-${tenants}`;
  const key = await dispatcher.tenant(tenant, {
    backends: {
      llm: {
        models: ['m'],
        endpoints,
        adapters: { sql: '/adapters/sql', legal: '/adapters/legal', prose: '/adapters/prose' },
        lora: { engine, loadMs: 100 },
        ...backend,
      },
    },
  });
  const call = async (model: string, tokens = 5) => {
    const response = await fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: 'Say something.' }],
        max_tokens: tokens,
      }),
    });
    const { headers } = response;
    const body = (await response.json()) as { model?: string; error?: { message: string } };
    const adapter = headers.get('x-talaria-adapter');
    return { status: response.status, adapter, id: headers.get('x-talaria-call'), body, headers };
  };
  const statusOf = async () =>
    JSON.parse(await admin(dispatcher.workerd.url, 'GET', `/tenants/${tenant}/status`)).backends
      .llm;
  return { tenant, key, call, statusOf };
}

describe.each(['vllm', 'sglang'] as const)('%s', (engine) => {
  it('serves each adapter once it is loaded, under the name that clients know', async () => {
    const { call, key } = await start({ engine });
    const first = await call('sql');
    expect(first).toMatchObject({ status: 200, adapter: 'waited', body: { model: 'sql' } });
    expect(await call('sql')).toMatchObject({ status: 200, adapter: 'loaded' });
    expect(await call('m')).toMatchObject({ status: 200, adapter: null });
    expect(await call('legal')).toMatchObject({ status: 200, adapter: 'waited' });
    expect(gpus[0]?.adapters()).toMatchObject({ held: ['legal'], mostHeld: 1, unloadedInUse: 0 });
    const record = await fetch(`${dispatcher.workerd.url}/v1/calls/${first.id}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const { attempts } = (await record.json()) as { attempts: Array<Record<string, unknown>> };
    expect(attempts).toMatchObject([{ adapter: 'waited' }]);
    expect(attempts[0]?.adapter_ms).toBeGreaterThan(0);
  });

  it('is told neither to hold too many nor to drop one in use, whatever comes', async () => {
    const { call } = await start({ engine, most: 2 }, 2);
    const models = ['sql', 'legal', 'prose', 'm'];
    const calls = Array.from({ length: 80 }, (_, i) => call(models[(i * 7) % 4] ?? 'm', 20));
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    for (const gpu of gpus) {
      expect(gpu.adapters()).toMatchObject({ unloadedInUse: 0, unknown: 0 });
      expect(gpu.adapters()?.mostHeld).toBeLessThanOrEqual(2);
    }
  });

  it('that was restarted is asked for its adapters again', async () => {
    const { call } = await start({ engine });
    await call('sql');
    gpus[0]?.restart();
    expect(await call('sql')).toMatchObject({ status: 200, adapter: 'waited' });
    expect(gpus[0]?.adapters()).toMatchObject({ loads: 2, unknown: 1 });
  });

  it('that loses the answer to a load has loaded it once', async () => {
    const { call } = await start({ engine });
    gpus[0]?.fault({ kind: 'cut', path: engine === 'vllm' ? '/v1/load' : '/load' });
    expect(await call('sql')).toMatchObject({ status: 200, adapter: 'waited' });
    expect(gpus[0]?.adapters()).toMatchObject({ loads: 1 });
  });
});

describe('a server that cannot load', () => {
  it('because it was not started for it serves what it has, and its own error tells the rest', async () => {
    const { call, statusOf } = await start({ isOff: true, initial: ['sql'] });
    expect(await call('sql')).toMatchObject({ status: 200, adapter: 'missing' });
    expect(await call('sql')).toMatchObject({ status: 200, adapter: 'loaded' });
    const { status, body } = await call('legal');
    expect(status).toBe(404);
    expect(body.error?.message).toContain('legal');
    expect((await statusOf()).endpoints[0].adapters).toMatchObject({
      loaded: ['sql'],
      loading: null,
      last_error: { adapter: 'legal', reason: expect.stringMatching(/at runtime/) },
    });
  });

  it('because the adapter is not where it should be leaves others alone', async () => {
    const { call } = await start({ badPaths: ['/adapters/legal'] });
    const [bad, good] = await Promise.all([call('legal'), call('sql')]);
    expect(bad.status).toBe(404);
    expect(good.status).toBe(200);
  });
});

describe('a restart of the dispatcher', () => {
  it('in the middle of a load neither forgets nor doubles it', async () => {
    const { call } = await start({ loadMs: 3_000 });
    const first = call('sql').catch(() => undefined);
    await until(
      () => gpus[0]?.adapters()?.asked ?? 0,
      (asked) => asked > 0,
    );
    await dispatcher.crash();
    await first;
    expect(await call('sql')).toMatchObject({ status: 200 });
    expect(await call('sql')).toMatchObject({ status: 200, adapter: 'loaded' });
    expect(gpus[0]?.adapters()).toMatchObject({ loads: 1, unknown: 0 });
  });

  it('keeps what is loaded', async () => {
    const { call, statusOf } = await start();
    await call('sql');
    // What was learned is stored some seconds later, or with the next load.
    await call('legal');
    await statusOf();
    await dispatcher.crash();
    expect(await call('legal')).toMatchObject({ status: 200, adapter: 'loaded' });
  });
});

describe('the operator', () => {
  it('sees what is loaded where, what loads took, and the books', async () => {
    const { call, statusOf, tenant } = await start({ most: 2 });
    await call('sql');
    await call('legal');
    const status = await statusOf();
    expect(status.adapters).toMatchObject({ loads_measured: 2, waiting: 0 });
    expect(status.adapters.load_ms).toBeGreaterThan(0);
    expect(status.endpoints[0].adapters).toMatchObject({ loaded: ['sql', 'legal'], most: 2 });
    const { url } = dispatcher.workerd;
    const prewarm = JSON.parse(await admin(url, 'GET', `/tenants/${tenant}/prewarm`));
    expect(prewarm.days[0].adapters).toMatchObject({ loads: { demand: 2, prewarm: 0 } });
    const metrics = await fetch(`${url}/metrics?tenant=${tenant}`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(await metrics.text()).toMatch(
      /^talaria_adapter_loads_total\{tenant="[\w-]+",backend="llm",cause="demand"\} 2$/m,
    );
  });

  it('is told of a configuration that cannot be', async () => {
    const put = (backend: object) =>
      admin(dispatcher.workerd.url, 'PUT', '/tenants/wrong', {
        backends: {
          llm: { models: ['m'], endpoints: [{ url: 'http://127.0.0.1:1/v1' }], ...backend },
        },
      });
    await expect(put({ adapters: { m: '/x' } })).rejects.toThrow(/served by backend/);
    await expect(put({ adapters: { a: '/x' }, models: [] })).rejects.toThrow(/base model/);
    await expect(put({ adapters: { a: '/x' }, whileCold: 'send' })).rejects.toThrow(/hold/);
    await expect(put({ adapters: { 'a:b': '/x' } })).rejects.toThrow(/characters without/);
  });
});
