/** The tenant's object inside workerd: tickets, restarts at each step of a call, storage. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { loadTenant } from '../../../../src/config/store.ts';
import { sha256Hex } from '../../../../src/http/sha256.ts';
import type { CallResult, EnqueueRequest } from '../../../../src/protocol/admission.ts';
import { PATIENT } from '../../../patience.ts';

const OK: CallResult = {
  outcome: 'ok',
  endpointFault: false,
  cold: false,
  inputTokens: 10,
  outputTokens: 5,
  serviceMs: 100,
};

async function outcomeOf(wait: () => Promise<unknown>): Promise<'granted' | 'cut'> {
  try {
    await wait();
    return 'granted';
  } catch {
    return 'cut';
  }
}

/** A configured tenant of its own for each test. */
async function newTenant(slots = 1, more: object = {}) {
  const name = `t-${crypto.randomUUID()}`;
  const stub = () => env.TENANT.getByName(name);
  const config = {
    backends: { m: { models: ['m'], endpoints: [{ url: 'http://127.0.0.1:9/v1', slots }] } },
    keys: [{ id: 'k', sha256: await sha256Hex('key') }],
    ...more,
  };
  const { version } = JSON.parse(await stub().putConfig(JSON.stringify(config)));
  const call = (callId: string, runId = callId): EnqueueRequest => ({
    keyId: 'k',
    version,
    call: {
      callId,
      runId,
      app: 'a',
      unit: 'u',
      backend: 'm',
      kind: 'llm',
      inputTokens: 10,
      arrivedAt: Date.now(),
      final: runId === callId,
    },
  });
  const status = async () => JSON.parse((await stub().view('status')) ?? '{}').backends.m;
  return { name, stub, call, status, version };
}

describe('a ticket', () => {
  it('is granted when the call before it reports', async () => {
    const { stub, call } = await newTenant();
    using first = await stub().enqueue(call('a'));
    expect(first.status).toBe('granted');
    using second = await stub().enqueue(call('b'));
    expect(second).toMatchObject({ status: 'queued', position: 1 });
    const granted = second.ticket?.granted();
    await first.ticket?.report(OK);
    expect(await granted).toMatchObject({ status: 'granted' });
    await second.ticket?.report(OK);
  });

  it('gives up its place or its slot when it is disposed of', async () => {
    const { stub, call, status } = await newTenant();
    const holder = await stub().enqueue(call('a'));
    const waiter = await stub().enqueue(call('b'));
    using last = await stub().enqueue(call('c'));
    waiter.ticket?.[Symbol.dispose]();
    holder.ticket?.[Symbol.dispose]();
    expect(await last.ticket?.granted()).toMatchObject({ status: 'granted' });
    await last.ticket?.report(OK);
    expect(await status()).toMatchObject({ waiting: 0, running: 0 });
  });

  it('that is older than another of the same call frees nothing', async () => {
    const { stub, call, status } = await newTenant();
    const request = call('a');
    const lost = await stub().enqueue(request);
    using again = await stub().enqueue(request);
    expect(again.status).toBe('granted');
    lost.ticket?.[Symbol.dispose]();
    expect(await status()).toMatchObject({ running: 1 });
    await again.ticket?.report(OK);
    expect(await status()).toMatchObject({ running: 0 });
  });
});

describe('a restart of the object', () => {
  it('cuts the wait off; asked again, the call keeps its place and no slot is granted twice', async () => {
    const { stub, call, status } = await newTenant();
    const holder = call('a');
    await stub().enqueue(holder);
    const waiting = await stub().enqueue(call('b'));
    const wait = outcomeOf(async () => waiting.ticket?.granted());
    await abortAllDurableObjects();
    expect(await wait).toBe('cut');
    using again = await stub().enqueue(call('b'));
    expect(again.status).toBe('queued');
    expect(await status()).toMatchObject({ running: 1, waiting: 1 });
    // The holder's Worker has lost its ticket and reports by the call's id.
    await stub().settle('a', OK);
    await stub().settle('a', OK);
    expect(await again.ticket?.granted()).toMatchObject({ status: 'granted' });
    await again.ticket?.report(OK);
    expect(await status()).toMatchObject({ running: 0, waiting: 0 });
  });

  /** An object that holds a ticket cannot be evicted: workerd waits until it has none. */
  it.each<[string, (object: DurableObjectStub) => Promise<void>]>([
    ['aborted', () => abortAllDurableObjects()],
    ['put to rest', (object) => evictDurableObject(object)],
  ])(
    'that is %s keeps the graph, counts no run twice, and keeps the progress of runs',
    async (_, end) => {
      const { stub, call } = await newTenant(4);
      const serve = async (callId: string, runId: string) => {
        using admitted = await stub().enqueue(call(callId, runId));
        await admitted.ticket?.report(OK);
      };
      await serve('a', 'a');
      await serve('b1', 'b');
      const graph = async () => JSON.parse((await stub().view('pdgraph')) ?? '{}').applications;
      const before = await graph();
      expect(before).toMatchObject([{ app: 'a', runs: 1 }]);
      await end(stub());
      expect(await graph()).toEqual(before);
      await serve('b2', 'b');
      await stub().runEvent({ type: 'run-finished', runId: 'b' }, 0);
      const lines = (await new Response(await stub().runs()).text()).trim().split('\n');
      expect(lines).toHaveLength(2);
      expect(JSON.parse(lines[1] ?? '')).toMatchObject({ run: 'b', units: [{}, {}] });
      await end(stub());
      expect((await graph())[0].runs).toBe(2);
    },
  );
});

describe('the storage', () => {
  it('holds one row for each lease, and none when all have ended', async () => {
    const { stub, call } = await newTenant(2);
    const leases = () =>
      runInDurableObject(stub(), (_object, state) =>
        state.storage.sql.exec('SELECT call_id FROM leases').toArray(),
      );
    using a = await stub().enqueue(call('a'));
    using b = await stub().enqueue(call('b'));
    expect(await leases()).toEqual([{ call_id: 'a' }, { call_id: 'b' }]);
    await a.ticket?.report(OK);
    b.ticket?.[Symbol.dispose]();
    // The slot of a Worker that has died is freed when its cancellation has reached the endpoint.
    await vi.waitFor(async () => expect(await leases()).toEqual([]), PATIENT);
  });
});

describe('finished runs', () => {
  it('are shown in order of arrival, however many bytes they have', async () => {
    const { stub } = await newTenant();
    // More than the 32 MiB to which an object's return value is limited.
    const padding = 'x'.repeat(900_000);
    await runInDurableObject(stub(), (_object, state) => {
      for (let i = 0; i < 40; i += 1) {
        const record = {
          run: `r${i}`,
          app: i % 4 === 0 ? 'b' : 'a',
          arrival_ms: 1_000 - i,
          padding,
        };
        state.storage.sql.exec(
          'INSERT INTO recorded (app, finished_at, learned, record) VALUES (?, ?, 0, ?)',
          record.app,
          i,
          JSON.stringify(record),
        );
      }
    });
    const shown = async (app?: string) => {
      const text = await new Response(await stub().runs(app)).text();
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    };
    const all = await shown();
    expect(all.map((r) => r.run)).toEqual(Array.from({ length: 40 }, (_, i) => `r${39 - i}`));
    expect([all[0].arrival_ms, all[39].arrival_ms]).toEqual([0, 39]);
    expect((await shown('b')).map((r) => r.run)).toHaveLength(10);
  });
});

describe('keys and configurations', () => {
  it('refuse a key that was removed, at once', async () => {
    const { stub, call, version } = await newTenant();
    await stub().removeKey('k');
    expect(await stub().enqueue(call('a'))).toMatchObject({
      status: 'refused',
      code: 'key_revoked',
    });
    expect(version).toBeGreaterThan(0);
  });

  it('are read from KV if the caller knows a newer version', async () => {
    const { name, stub, call, version } = await newTenant(1);
    using first = await stub().enqueue(call('a'));
    expect(first.status).toBe('granted');
    const newer = JSON.parse((await stub().document()) ?? '{}');
    newer.version = version + 1;
    newer.config.backends.m.endpoints[0].slots = 2;
    await env.TENANTS.put(`tenant:${name}`, JSON.stringify(newer));
    using second = await stub().enqueue({ ...call('b'), version: version + 1 });
    expect(second.status).toBe('granted');
  });

  it('keep the last good configuration where a newer one does not parse', async () => {
    const { name, stub, call, version } = await newTenant(1);
    const bad = { version: version + 1, config: { backends: 'none' } };
    await env.TENANTS.put(`tenant:${name}`, JSON.stringify(bad));
    using admitted = await stub().enqueue({ ...call('a'), version: version + 1 });
    expect(admitted.status).toBe('granted');
    await abortAllDurableObjects();
    using again = await stub().enqueue({ ...call('a'), version: version + 1 });
    expect(again.status).toBe('granted');
    expect(await loadTenant(env, name)).toMatchObject({ ok: true, loaded: { version } });
  });

  it('refuse waiting calls when the tenant is deleted', async () => {
    const { stub, call } = await newTenant(1);
    using holder = await stub().enqueue(call('a'));
    using waiter = await stub().enqueue(call('b'));
    const answer = waiter.ticket?.granted();
    await stub().destroy();
    expect(await answer).toMatchObject({ status: 'refused', code: 'backend_removed' });
    expect(holder.status).toBe('granted');
    expect(await stub().enqueue(call('c'))).toMatchObject({ code: 'tenant_unconfigured' });
  });

  it('leave nothing of a deleted tenant to one of the same name', async () => {
    const { stub, call } = await newTenant(1);
    using first = await stub().enqueue(call('a'));
    const config = JSON.parse((await stub().document()) ?? '{}').config;
    // Learned, and not yet written when the tenant is deleted.
    await first.ticket?.report(OK);
    await stub().destroy();
    await stub().putConfig(JSON.stringify(config));
    expect(await new Response(await stub().runs()).text()).toBe('');
    await abortAllDurableObjects();
    expect(JSON.parse((await stub().view('pdgraph')) ?? '{}')).toEqual({ applications: [] });
  });
});

describe('a key that is added', () => {
  it('under an existing id replaces that key, and keeps its limits', async () => {
    const keys = [
      { id: 'k', sha256: await sha256Hex('old'), limits: { requestsPerMinute: 7 } },
      { id: 'other', sha256: await sha256Hex('other') },
    ];
    const { stub, version } = await newTenant(1, { keys });
    const sha256 = await sha256Hex('new');
    const document = JSON.parse((await stub().addKey({ id: 'k', sha256 })) ?? '{}');
    expect(document.config.keys).toEqual([{ ...keys[0], sha256 }, keys[1]]);
    expect(document.version).toBeGreaterThan(version);
    expect(JSON.parse((await stub().document()) ?? '{}')).toEqual(document);
    expect(await stub().isRevoked('k', version, await sha256Hex('old'))).toBe(true);
    expect(await stub().isRevoked('k', version, sha256)).toBe(false);
    // A repeated request changes nothing.
    expect(JSON.parse((await stub().addKey({ id: 'k', sha256 })) ?? '{}')).toEqual(document);
  });
});

describe('requests that are not model calls', () => {
  it('count towards the limits of their key like its calls, and are refused beyond them', async () => {
    const { stub, call, version } = await newTenant(4, { limits: { requestsPerMinute: 3 } });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const charge = (count: number, id = 'k') => stub().chargeRequests(id, count, version);
      expect(await charge(2)).toEqual({ ok: true });
      using first = await stub().enqueue(call('a'));
      expect(first.status).toBe('granted');
      const refused = { ok: false, code: 'rate_limit_exceeded', limit: 3, retryAfterMs: 20_000 };
      expect(await charge(1)).toEqual(refused);
      using second = await stub().enqueue(call('b'));
      expect(second).toMatchObject({ status: 'refused', code: 'rate_limit_exceeded' });
      expect(await charge(1, 'gone')).toEqual({ ok: false, code: 'key_revoked' });
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20_000 });
      expect(await charge(1)).toEqual({ ok: true });
    } finally {
      vi.useRealTimers();
    }
  });
});
