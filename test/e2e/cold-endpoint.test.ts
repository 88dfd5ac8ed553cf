/**
 * A cold endpoint is woken by one call at a time, and before it is needed where the need can be
 * forecast.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher, until } from './harness.ts';

const COLD_START_MS = 400;

let dispatcher: Dispatcher;
const emulators: Emulator[] = [];

beforeAll(async () => {
  dispatcher = await startDispatcher();
});

afterAll(async () => {
  await dispatcher.close();
  await Promise.all(emulators.map((e) => e.close()));
});

async function coldGpu(): Promise<Emulator> {
  const gpu = await startEmulator({
    models: ['m'],
    slots: 100,
    prefillMsPerToken: 0,
    decodeMsPerToken: 1,
    coldStartMs: COLD_START_MS,
    idleTimeoutMs: 600_000,
  });
  emulators.push(gpu);
  return gpu;
}

async function warmTools(): Promise<Emulator> {
  const tools = await startEmulator({
    models: [],
    slots: 100,
    prefillMsPerToken: 0,
    decodeMsPerToken: 0,
  });
  emulators.push(tools);
  return tools;
}

function llm(gpu: Emulator, slots: number): object {
  const coldStart = { estimateMs: COLD_START_MS, idleTimeoutMs: 600_000 };
  return { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots, coldStart }] };
}

function chat(key: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'x' }],
      max_tokens: 2,
    }),
  });
}

async function wakes(tenant: string): Promise<Array<{ wake: { cause: string }; outcome: string }>> {
  return JSON.parse(await admin(dispatcher.workerd.url, 'GET', `/tenants/${tenant}/prewarm`)).wakes;
}

describe('a cold endpoint', () => {
  it('is woken by one call while the others are held, and serves them all', async () => {
    const gpu = await coldGpu();
    const key = await dispatcher.tenant('cold', { backends: { m: llm(gpu, 4) } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => chat(key)));
    expect(answers.map((a) => a.status)).toEqual(answers.map(() => 200));
    await Promise.all(answers.map((a) => a.text()));
    expect(gpu.stats().coldStarts).toBe(1);
    // 12 calls and the wake itself, which is the only call that a cold endpoint gets.
    expect(gpu.stats().served).toBe(13);
    expect(gpu.stats().maxInFlight).toBeLessThanOrEqual(4);
    expect((await wakes('cold')).map((w) => w.wake.cause)).toEqual(['demand']);
  });

  it('is woken by the alarm for a need that a run in flight announces', async () => {
    const gpu = await coldGpu();
    const tools = await warmTools();
    const key = await dispatcher.tenant('announced', {
      prewarm: { theta: 0.5 },
      backends: { m: llm(gpu, 4), t: { endpoints: [{ url: `${tools.url}/tools` }] } },
    });
    const tool = (run: string, serviceMs: number) =>
      fetch(`${dispatcher.workerd.url}/v1/backends/t/x`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'x-talaria-app': 'a',
          'x-talaria-run': run,
          'x-emulator-service-ms': String(serviceMs),
        },
      });
    for (const run of ['r1', 'r2', 'r3']) {
      await (await tool(run, 20)).text();
      const headers = { 'x-talaria-app': 'a', 'x-talaria-run': run, 'x-talaria-run-final': 'true' };
      await (await chat(key, headers)).text();
    }
    // The emulator is set to cold; the dispatcher treats the newly configured endpoint as cold as
    // well.
    gpu.reset();
    await admin(dispatcher.workerd.url, 'PUT', '/tenants/announced', {
      backends: { t: { endpoints: [{ url: `${tools.url}/tools` }] } },
    });
    await admin(dispatcher.workerd.url, 'PUT', '/tenants/announced', {
      prewarm: { theta: 0.5 },
      backends: { m: llm(gpu, 4), t: { endpoints: [{ url: `${tools.url}/tools` }] } },
    });
    const running = tool('r4', 2_000);
    // The tool call is still running, and no call of the model has been submitted.
    await until(
      () => gpu.stats().coldStarts,
      (n) => n === 1,
    );
    await (await running).text();
    const headers = { 'x-talaria-app': 'a', 'x-talaria-run': 'r4', 'x-talaria-run-final': 'true' };
    const answer = await chat(key, headers);
    expect(answer.status).toBe(200);
    await answer.text();
    const [newest] = await wakes('announced');
    expect(newest).toMatchObject({ wake: { cause: 'prewarm' }, outcome: 'used' });
  });

  it('is woken by the cron where arrivals make a need likely', async () => {
    const gpu = await coldGpu();
    // Any probability is enough: also that which is left when the machine was slow.
    const config = { prewarm: { theta: 0.0001 }, backends: { m: llm(gpu, 4) } };
    const key = await dispatcher.tenant('arriving', config);
    for (let i = 0; i < 5; i += 1) await (await chat(key)).text();
    gpu.reset();
    // Reading the status stores the arrivals. The stored state would also say that the endpoint is
    // warm, so an endpoint with another name replaces it.
    await admin(dispatcher.workerd.url, 'GET', '/tenants/arriving/status');
    const renamed = {
      ...config,
      backends: {
        m: {
          ...llm(gpu, 4),
          endpoints: [
            {
              name: 'again',
              url: `${gpu.url}/v1`,
              slots: 4,
              coldStart: { estimateMs: COLD_START_MS, idleTimeoutMs: 600_000 },
            },
          ],
        },
      },
    };
    await admin(dispatcher.workerd.url, 'PUT', '/tenants/arriving', renamed);
    // The first call registered the tenant for the cron of the next minute.
    await dispatcher.workerd.cron(61_000);
    expect(dispatcher.workerd.log()).toMatch(/"event":"cron"[^}]*"tenants":[1-9]/);
    await until(
      () => gpu.stats().coldStarts,
      (n) => n === 1,
    );
    await until(
      () => admin(dispatcher.workerd.url, 'GET', '/tenants/arriving/status').then(JSON.parse),
      (s) => s.backends.m.endpoints[0].state === 'warm',
    );
    await (await chat(key)).text();
    const [newest] = await wakes('arriving');
    expect(newest).toMatchObject({ wake: { cause: 'prewarm' }, outcome: 'used' });
    // The wake and the call: no second ping was sent while the endpoint was being woken.
    expect(gpu.stats().served).toBe(2);
  });
});
