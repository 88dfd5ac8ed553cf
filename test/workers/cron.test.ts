/**
 * The cron trigger and the directory: every tenant that is due is asked, an endpoint is pinged
 * once, and a failure at one tenant stops no other.
 */
import {
  abortAllDurableObjects,
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  announce,
  DIRECTORY_SHARDS,
  reschedule,
  shardOf,
  takeDue,
} from '../../durable-objects/directory/directory-client.ts';
import { distribute } from '../../src/config/distribution.ts';
import { parseDocument } from '../../src/config/store.ts';
import { runCron } from '../../src/cron.ts';
import { sha256Hex } from '../../src/http/sha256.ts';
import worker from '../../src/index.ts';
import type { CallResult } from '../../src/protocol/admission.ts';
import { PATIENT } from '../patience.ts';

const MINUTE_MS = 60_000;
const OK: CallResult = { outcome: 'ok', endpointFault: false, cold: false, serviceMs: 10 };

/** Never restored, because objects continue to ping by their alarms after a test has ended. */
let answer: (url: string) => Response = () => Response.json({ choices: [] });
const pinged: string[] = [];

beforeAll(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    const { url } = new Request(input);
    pinged.push(url);
    return answer(url);
  });
});

async function due(now: number): Promise<string[]> {
  const shards = Array.from({ length: DIRECTORY_SHARDS }, (_, i) =>
    takeDue(env.DIRECTORY, i, now, 1_000),
  );
  return (await Promise.all(shards)).flatMap((taken) => taken.tenants);
}

async function fireCron(scheduledTime: number): Promise<void> {
  const controller = createScheduledController({ cron: '* * * * *', scheduledTime });
  const ctx = createExecutionContext();
  await worker.scheduled(controller, env);
  await waitOnExecutionContext(ctx);
}

function stubOf(tenant: string) {
  return env.TENANT.getByName(tenant);
}

/** Resolves when the ping has been answered. */
async function isWarm(tenant: string): Promise<void> {
  await vi.waitFor(async () => {
    const status = JSON.parse((await stubOf(tenant).view('status')) ?? '{}');
    expect(status.backends.m.endpoints).toMatchObject([{ endpoint: 'second', state: 'warm' }]);
  }, PATIENT);
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
    await stub.wakeAnswered({ backend: 'm', endpoint: 'first' }, true, 1);
    await admitted.ticket?.granted();
    await admitted.ticket?.report(OK);
  }
  // Another endpoint, which is cold.
  await distribute(env.TENANTS, name, await put('second'), first);
  return name;
}

describe('the directory', () => {
  it('lists due tenants, keeps the earlier of two times, and forgets a tenant on request', async () => {
    const [a, b] = [`a-${crypto.randomUUID()}`, `b-${crypto.randomUUID()}`];
    await announce(env.DIRECTORY, a, 0);
    await announce(env.DIRECTORY, b, 10 * MINUTE_MS);
    await announce(env.DIRECTORY, a, 20 * MINUTE_MS);
    const now = await due(2 * MINUTE_MS);
    expect(now).toContain(a);
    expect(now).not.toContain(b);
    await reschedule(env.DIRECTORY, shardOf(a), [[a, null]]);
    const later = await due(60 * MINUTE_MS);
    expect(later).not.toContain(a);
    expect(later).toContain(b);
  });

  it('lists a tenant once a minute, a limited number at a time, and again in the next minute', async () => {
    const name = `d-${crypto.randomUUID()}`;
    const shard = shardOf(name);
    await announce(env.DIRECTORY, name, 0);
    const none = await takeDue(env.DIRECTORY, shard, 0, 1_000);
    expect(none.tenants).not.toContain(name);
    const limited = await takeDue(env.DIRECTORY, shard, MINUTE_MS, 0);
    expect(limited).toEqual({ tenants: [], more: true });
    expect((await takeDue(env.DIRECTORY, shard, MINUTE_MS, 1_000)).tenants).toContain(name);
    expect((await takeDue(env.DIRECTORY, shard, MINUTE_MS, 1_000)).tenants).not.toContain(name);
    expect((await takeDue(env.DIRECTORY, shard, 2 * MINUTE_MS, 1_000)).tenants).toContain(name);
  });

  it('survives a restart', async () => {
    const name = `c-${crypto.randomUUID()}`;
    await announce(env.DIRECTORY, name, 0);
    await abortAllDurableObjects();
    expect(await due(2 * MINUTE_MS)).toContain(name);
  });
});

describe('the cron', () => {
  it('pings an endpoint that the forecast needs warm once, however often it fires', async () => {
    const tenant = await busyTenant('used.example.com');
    pinged.length = 0;
    const later = Date.now() + 2 * MINUTE_MS;
    const reports = await Promise.all([runCron(env, later), runCron(env, later)]);
    // The object may have forecast by its own alarm just before.
    expect(reports.reduce((sum, r) => sum + r.pings, 0)).toBeLessThanOrEqual(1);
    await isWarm(tenant);
    // Asked again without the directory, the object has pinged already.
    await Promise.all([stubOf(tenant).forecast(), stubOf(tenant).forecast()]);
    await fireCron(later);
    expect(pinged).toEqual(['https://used.example.com/v1/chat/completions']);
  });

  it('serves all others if one endpoint, one tenant or one shard fails', async () => {
    answer = (url) => {
      if (url.includes('broken')) throw new Error('no route');
      return Response.json({ choices: [] });
    };
    await busyTenant('broken.example.com');
    const well = await busyTenant('well.example.com');
    pinged.length = 0;
    const failing = new Set([(shardOf(well) + 1) % DIRECTORY_SHARDS]);
    const rounds = {
      getByName: (name: string) => {
        if (failing.has(Number(name.split('-')[1]))) throw new Error('shard is down');
        return env.ROUND.getByName(name);
      },
    };
    const world = { ...env, ROUND: rounds as unknown as Env['ROUND'] };
    await runCron(world, Date.now() + 2 * MINUTE_MS);
    await isWarm(well);
    expect(pinged).toContain('https://well.example.com/v1/chat/completions');
  });

  it('asks no tenant that is not due, and forgets one that has nothing to forecast', async () => {
    const idle = `idle-${crypto.randomUUID()}`;
    await announce(env.DIRECTORY, idle, 0);
    const at = Date.now() + 10 * MINUTE_MS;
    const first = await runCron(env, at);
    expect(first.tenants).toBeGreaterThan(0);
    // Its object has no backends, so the directory is told not to ask again.
    expect(await due(at + 60 * MINUTE_MS)).not.toContain(idle);
    expect(await runCron(env, at)).toMatchObject({ tenants: 0, pings: 0 });
  });
});
