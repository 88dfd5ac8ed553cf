/** The cron and the directory: who is due is asked, pinged once, and a failure stops nobody else. */
import {
  abortAllDurableObjects,
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { announce, dueIn, reschedule } from '../../durable-objects/directory-client.ts';
import { sha256Hex } from '../../src/auth.ts';
import { distribute, parseDocument } from '../../src/config/store.ts';
import worker from '../../src/index.ts';
import type { CallResult } from '../../src/protocol.ts';

const MINUTE_MS = 60_000;
const OK: CallResult = { outcome: 'ok', endpointFault: false, cold: false, serviceMs: 10 };

afterEach(() => {
  vi.restoreAllMocks();
});

async function due(now: number): Promise<string[]> {
  const shards = Array.from({ length: 16 }, (_, i) => dueIn(env.DIRECTORY, i, now));
  return (await Promise.all(shards)).flat();
}

async function fireCron(scheduledTime: number): Promise<void> {
  const controller = createScheduledController({ cron: '* * * * *', scheduledTime });
  const ctx = createExecutionContext();
  await worker.scheduled(controller, env);
  await waitOnExecutionContext(ctx);
}

/** A tenant whose endpoint is cold and whose arrivals make a need nearly certain. */
async function busyTenant(host: string): Promise<string> {
  const name = `t-${crypto.randomUUID()}`;
  const stub = env.TENANT.getByName(name);
  const config = (endpoint: string) => ({
    prewarm: { theta: 0.01 },
    backends: {
      m: {
        models: ['m'],
        endpoints: [{ name: endpoint, url: `https://${host}/v1`, coldStart: {} }],
      },
    },
    keys: [],
  });
  const sha256 = await sha256Hex(name);
  const put = async (endpoint: string) => {
    const document = { ...config(endpoint), keys: [{ id: 'k', sha256 }] };
    return parseDocument(await stub.putConfig(JSON.stringify(document)));
  };
  const first = await put('first');
  for (let i = 0; i < 4; i += 1) {
    const call = {
      callId: `${name}-${i}`,
      runId: `${name}-${i}`,
      app: 'a',
      unit: 'u',
      backend: 'm',
      kind: 'llm' as const,
      inputTokens: 1,
      arrivedAt: Date.now(),
      final: true,
    };
    using admitted = await stub.enqueue({ keyId: 'k', version: first.version, call });
    await stub.woken({ backend: 'm', endpoint: 'first' }, true, 1);
    await admitted.ticket?.granted();
    await admitted.ticket?.report(OK);
  }
  // Another endpoint, which is cold.
  await distribute(env.TENANTS, name, await put('second'), first);
  return name;
}

describe('the directory', () => {
  it('tells who is due, keeps the sooner announcement, and forgets whom it is told to', async () => {
    const [a, b] = [`a-${crypto.randomUUID()}`, `b-${crypto.randomUUID()}`];
    await announce(env.DIRECTORY, a, 0);
    await announce(env.DIRECTORY, b, 10 * MINUTE_MS);
    await announce(env.DIRECTORY, a, 20 * MINUTE_MS);
    expect(await due(2 * MINUTE_MS)).toContain(a);
    expect(await due(2 * MINUTE_MS)).not.toContain(b);
    await reschedule(env.DIRECTORY, a, undefined);
    expect(await due(60 * MINUTE_MS)).not.toContain(a);
    expect(await due(60 * MINUTE_MS)).toContain(b);
  });

  it('survives a restart', async () => {
    const name = `c-${crypto.randomUUID()}`;
    await announce(env.DIRECTORY, name, 0);
    await abortAllDurableObjects();
    expect(await due(2 * MINUTE_MS)).toContain(name);
  });
});

describe('the cron', () => {
  it('pings what the forecast wants warm, once, and records how it went', async () => {
    const pinged: string[] = [];
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      pinged.push(new Request(input).url);
      return Response.json({ choices: [] });
    });
    const tenant = await busyTenant('used.example.com');
    pinged.length = 0;
    const later = Date.now() + 2 * MINUTE_MS;
    await Promise.all([fireCron(later), fireCron(later)]);
    expect(pinged).toEqual(['https://used.example.com/v1/chat/completions']);
    const status = JSON.parse((await env.TENANT.getByName(tenant).view('status')) ?? '{}');
    expect(status.backends.m.endpoints).toMatchObject([{ endpoint: 'second', state: 'warm' }]);
  });

  it('serves the others where one tenant fails', async () => {
    const pinged: string[] = [];
    vi.spyOn(console, 'error').mockImplementation(() => {});
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      const { url } = new Request(input);
      pinged.push(url);
      if (url.includes('broken')) throw new Error('no route');
      return Response.json({ choices: [] });
    });
    await busyTenant('broken.example.com');
    await busyTenant('well.example.com');
    pinged.length = 0;
    await fireCron(Date.now() + 2 * MINUTE_MS);
    expect(pinged).toContain('https://well.example.com/v1/chat/completions');
  });
});
