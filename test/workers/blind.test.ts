/** What still works while KV cannot be read, and the errors of requests that need it. */
import { createExecutionContext, env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TenantSettings } from '../../durable-objects/tenant/tenant-settings.ts';
import type { TenantStore } from '../../durable-objects/tenant/tenant-store.ts';
import { app } from '../../src/app.ts';
import { loadKeyOwner, loadTenant } from '../../src/config/store.ts';
import { Unreachable } from '../../src/objects/ask-object.ts';
import type { TenantDocument } from '../../src/protocol/tenant.ts';

const HOUR_MS = 3_600_000;
const CONFIG = {
  backends: { m: { models: ['m'], endpoints: [{ url: 'http://127.0.0.1:9/v1', slots: 1 }] } },
};

/** A KV that can be read while `works` is true; counts the reads. */
function kvOf(entries: Readonly<Record<string, unknown>>) {
  const kv = {
    works: true,
    asked: 0,
    get: async (key: string) => {
      kv.asked += 1;
      if (!kv.works) throw new Error('KV GET failed: 500 Internal Server Error');
      return entries[key] ?? null;
    },
  };
  return kv;
}

const envOf = (kv: object) => ({ ...env, TENANTS: kv, ENVIRONMENT: 'development' }) as never as Env;

/** Each test has names of its own, because isolates cache by name. */
function names() {
  const tenant = `t-${crypto.randomUUID()}`;
  const kv = kvOf({
    [`tenant:${tenant}`]: { version: 1, config: CONFIG },
    [`key:${tenant}`]: { tenant, keyId: 'k' },
  });
  return { tenant, kv };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.spyOn(console, 'error').mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('while KV cannot be read', () => {
  it('a Worker uses for an hour what it read last, and reads at most once a second', async () => {
    const { tenant, kv } = names();
    const load = () => loadTenant(envOf(kv), tenant);
    const owner = () => loadKeyOwner(kv as never, tenant);
    expect(await load()).toMatchObject({ ok: true, loaded: { version: 1 } });
    expect(await owner()).toEqual({ tenant, keyId: 'k' });
    kv.works = false;
    vi.advanceTimersByTime(HOUR_MS);
    expect(await load()).toMatchObject({ ok: true, loaded: { version: 1 } });
    expect(await owner()).toEqual({ tenant, keyId: 'k' });
    const { asked } = kv;
    await Promise.all([load(), owner()]);
    expect(kv.asked).toBe(asked);
    vi.advanceTimersByTime(1_001);
    await expect(load()).rejects.toBeInstanceOf(Unreachable);
    await expect(owner()).rejects.toBeInstanceOf(Unreachable);
    kv.works = true;
    expect(await load()).toMatchObject({ ok: true });
  });

  it('a key that could not be found before is not refused', async () => {
    const kv = kvOf({});
    const key = crypto.randomUUID();
    expect(await loadKeyOwner(kv as never, key)).toBeUndefined();
    expect(await loadTenant(envOf(kv), key)).toEqual({ ok: false });
    kv.works = false;
    vi.advanceTimersByTime(10_001);
    await expect(loadKeyOwner(kv as never, key)).rejects.toBeInstanceOf(Unreachable);
    await expect(loadTenant(envOf(kv), key)).rejects.toBeInstanceOf(Unreachable);
  });

  it('clients with unknown keys get an error with a retry', async () => {
    const kv = kvOf({});
    kv.works = false;
    const headers = { authorization: `Bearer ${crypto.randomUUID()}` };
    const request = new Request('https://t/v1/models', { headers });
    const answer = await app.fetch(request, envOf(kv), createExecutionContext());
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.headers.get('x-should-retry')).toBe('true');
    expect(await answer.json()).toMatchObject({ error: { code: 'dispatcher_unavailable' } });
  });

  it('an object continues with the configuration that it has', async () => {
    const { tenant, kv } = names();
    kv.works = false;
    const settingsWith = (document: TenantDocument | undefined) => {
      const store = { document: () => document, deletedVersion: () => 0 };
      const settings = new TenantSettings({
        store: store as unknown as TenantStore,
        env: envOf(kv),
        tenant,
        onChange: () => {},
      });
      settings.restore();
      return settings;
    };
    const settings = settingsWith({ version: 1, config: CONFIG });
    await settings.adoptFromKv(2);
    expect(settings.version).toBe(1);
    expect(settings.config?.backends).toHaveProperty('m');
    await expect(settingsWith(undefined).adoptFromKv(2)).rejects.toThrow('KV GET failed');
  });
});
