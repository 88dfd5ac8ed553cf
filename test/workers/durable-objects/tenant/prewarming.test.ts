/**
 * Prewarming in the tenant's object: a released endpoint is told to sleep, the budget of pings
 * survives a restart, and the accounts match the calls.
 */
import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseDocument } from '../../../../src/config/store.ts';
import type { CallResult, EnqueueRequest } from '../../../../src/protocol/admission.ts';
import { PATIENT } from '../../../patience.ts';

const OK: CallResult = { outcome: 'ok', endpointFault: false, cold: false, serviceMs: 10 };
const ADMIN = { authorization: 'Bearer test-admin' };

interface Sent {
  readonly url: string;
  readonly method: string;
}

const sent: Sent[] = [];
let answer: (url: string) => Response | Promise<Response>;

const logged: string[] = [];

beforeAll(() => {
  vi.spyOn(console, 'error').mockImplementation((line) => logged.push(String(line)));
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const { url, method } = new Request(input, init);
    sent.push({ url, method });
    return answer(url);
  });
});

beforeEach(() => {
  sent.length = 0;
  answer = () => Response.json({ choices: [] });
});

afterEach(() => {
  vi.useRealTimers();
});

async function newTenant(coldStart: object, prewarm: object, more: object = {}) {
  const name = `t-${crypto.randomUUID()}`;
  const stub = () => env.TENANT.getByName(name);
  const url = 'https://gpu.example.com/v1';
  const endpoint = { name: 'e', url, slots: 4, coldStart };
  const config = {
    keys: [{ id: 'k', sha256: '0'.repeat(64) }],
    backends: { m: { models: ['m'], endpoints: [endpoint], prewarm, ...more } },
  };
  const { version } = parseDocument(await stub().putConfig(JSON.stringify(config)));
  const call = (callId: string): EnqueueRequest => ({
    keyId: 'k',
    version,
    call: {
      callId,
      runId: callId,
      app: 'a',
      unit: 'u',
      backend: 'm',
      kind: 'llm',
      inputTokens: 1,
      arrivedAt: Date.now(),
      final: true,
    },
  });
  /** One call from beginning to end. */
  const serve = async (callId: string) => {
    using admitted = await stub().enqueue(call(callId));
    await admitted.ticket?.granted();
    await admitted.ticket?.report(OK);
  };
  const prewarming = async () => JSON.parse((await stub().view('prewarm')) ?? '{}');
  const endpointState = async () => {
    const status = JSON.parse((await stub().view('status')) ?? '{}');
    return status.backends.m.endpoints[0].state;
  };
  return { name, stub, serve, prewarming, endpointState };
}

type Tenant = Awaited<ReturnType<typeof newTenant>>;

async function waitFor(tenant: Tenant, state: string): Promise<void> {
  await vi.waitFor(async () => expect(await tenant.endpointState()).toBe(state), {
    ...PATIENT,
  });
}

describe('an endpoint that can be told to go cold', () => {
  const COLD = { estimateMs: 1_000, idleTimeoutMs: 3_600_000, releasePath: '/sleep' };

  /**
   * Serves enough calls that a need is not forecast for lack of knowledge, then waits until the
   * endpoint is idle.
   */
  async function idleTenant(): Promise<Tenant> {
    const tenant = await newTenant(COLD, { theta: 0.9 });
    for (let i = 0; i < 22; i += 1) await tenant.serve(`${tenant.name}-${i}`);
    await waitFor(tenant, 'warm');
    return tenant;
  }

  /** Runs the object's forecast some time later. */
  async function later(tenant: Tenant, ms: number): Promise<void> {
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + ms);
    try {
      await tenant.stub().forecast();
    } finally {
      vi.mocked(Date.now).mockRestore();
    }
  }

  it('is told so when it is idle and unlikely to be needed, and the accounts record it', async () => {
    const tenant = await idleTenant();
    await later(tenant, 600_000);
    await vi.waitFor(
      () => expect(sent).toContainEqual({ url: 'https://gpu.example.com/sleep', method: 'POST' }),
      PATIENT,
    );
    expect(await tenant.endpointState()).toBe('cold');
    const { wakes, days } = await tenant.prewarming();
    expect(wakes[0]).toMatchObject({ wake: { cause: 'release' }, outcome: 'released' });
    expect(wakes[0].wake.reason).toContain('theta=');
    expect(days[0]).toMatchObject({ backend: 'm', releases: 1 });
  });

  it('is woken as usual where it could not be told', async () => {
    const tenant = await idleTenant();
    answer = (url) => {
      if (url.endsWith('/sleep')) throw new Error('reset');
      return Response.json({ choices: [] });
    };
    await later(tenant, 600_000);
    await vi.waitFor(() => expect(logged.join()).toContain('release_failed'), PATIENT);
    await tenant.serve(`${tenant.name}-again`);
    expect(await tenant.endpointState()).toBe('warm');
  });

  it('is not woken before it has been told', async () => {
    const tenant = await idleTenant();
    let told = false;
    answer = async (url) => {
      // Polled, because a promise that the test resolves would belong to another object's context.
      while (url.endsWith('/sleep') && !told) await new Promise((r) => setTimeout(r, 5));
      return Response.json({ choices: [] });
    };
    await later(tenant, 600_000);
    sent.length = 0;
    const served = tenant.serve(`${tenant.name}-again`);
    await vi.waitFor(async () => expect(await tenant.endpointState()).toBe('warming'), PATIENT);
    expect(sent).toEqual([]);
    told = true;
    await served;
    expect(sent.map((s) => s.url)).toEqual(['https://gpu.example.com/v1/chat/completions']);
  });
});

describe('a budget', () => {
  const COLD = { estimateMs: 10_000, idleTimeoutMs: 10_000 };

  it('refuses prewarm pings but not wakes on demand, and reports it', async () => {
    const tenant = await newTenant(COLD, { theta: 0, budgetPerDay: { warmSeconds: 30 } });
    await tenant.serve(`${tenant.name}-1`);
    // A ping may take a minute and two idle timeouts, which is more than is left.
    await tenant.stub().wakeAnswered({ backend: 'm', endpoint: 'e' }, false, 0);
    await tenant.stub().forecast();
    const { wakes, days, backends } = await tenant.prewarming();
    expect(wakes.map((w: { outcome: string }) => w.outcome)).toContain('over-budget');
    expect(days[0]).toMatchObject({
      pings: { 'over-budget': expect.any(Number), used: 0 },
      wakes: { demand: 1 },
    });
    expect(backends[0]).toMatchObject({
      endpoints: [{ endpoint: 'e', state: 'cold', decision: 'over-budget' }],
      budget_left: { backend: { warm_seconds: 30 }, tenant: { warm_seconds: null } },
    });
    await tenant.serve(`${tenant.name}-2`);
    expect(await tenant.endpointState()).toBe('warm');
  });

  it('counts a ping in full that was in progress when the object died', async () => {
    // Time that passes meanwhile would count as warm, and so would the reservation.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const tenant = await newTenant(COLD, { theta: 0, budgetPerDay: { warmSeconds: 100 } });
    await tenant.serve(`${tenant.name}-1`);
    answer = () => new Promise<Response>(() => {});
    await tenant.stub().wakeAnswered({ backend: 'm', endpoint: 'e' }, false, 0);
    await tenant.stub().forecast();
    expect(await tenant.endpointState()).toBe('warming');
    await abortAllDurableObjects();
    const { backends } = await tenant.prewarming();
    // 60 s for the ping's answer and twice 10 s of idling were reserved.
    expect(backends[0].budget_left.backend.warm_seconds).toBe(20);
  });
});

describe('the accounts', () => {
  it('are kept through a restart, and shown as metrics with bounded labels', async () => {
    const tenant = await newTenant(
      { estimateMs: 50, idleTimeoutMs: 600_000 },
      { mode: 'off', pricePerWarmSecond: 0.5 },
    );
    await tenant.serve(`${tenant.name}-1`);
    const before = (await tenant.prewarming()).days;
    expect(before).toHaveLength(1);
    expect(before[0]).toMatchObject({
      backend: 'm',
      wakes: { demand: 1, prewarm: 0, 'keep-warm': 0 },
      cold_waits: { suffered: 1, avoided: 0 },
    });
    await abortAllDurableObjects();
    await tenant.serve(`${tenant.name}-2`);
    const [day] = (await tenant.prewarming()).days;
    expect(day).toMatchObject({ wakes: { demand: 1 }, cold_waits: { suffered: 1 } });
    expect(day.warm_seconds).toBeGreaterThanOrEqual(before[0].warm_seconds);
    expect(day.money).toBeCloseTo(day.warm_seconds * 0.5, 2);

    const metrics = await exports.default.fetch(`http://t/metrics?tenant=${tenant.name}`, {
      headers: ADMIN,
    });
    expect(metrics.status).toBe(200);
    const text = await metrics.text();
    expect(text).toContain('# TYPE talaria_wakes_total counter');
    expect(text).toContain(
      `talaria_wakes_total{tenant="${tenant.name}",backend="m",cause="demand"} 1\n`,
    );
    expect(text).toContain(
      `talaria_cold_waits_total{tenant="${tenant.name}",backend="m",kind="suffered"} 1\n`,
    );
  });

  it('are kept for 90 days, and their sum for ever', async () => {
    const tenant = await newTenant({}, {});
    const counts = (warmMs: number) => ({ warmMs });
    await runInDurableObject(tenant.stub(), async (_, state) => {
      const { TenantStore } = await import('../../../../durable-objects/tenant/tenant-store.ts');
      const { emptyCounts } = await import('../../../../src/core/prewarm/daily-accounts.ts');
      const store = new TenantStore(state.storage);
      const nothing = { finished: [], running: [], endedRuns: [], backends: {}, wakes: [] };
      const accounts = store.prewarm.accounts() ?? {
        at: 0,
        tenant: { day: 0, spentMs: 0, spentMoney: 0, open: [] },
        backends: {},
      };
      for (const day of ['2026-01-01', '2026-01-02', '2026-04-01']) {
        const entry = { day, backend: 'm', counts: { ...emptyCounts(), ...counts(1_000) } };
        store.saveBatch({ ...nothing, segments: [], at: 0, accounts, days: [entry] });
      }
      expect(store.prewarm.days().map((d) => d.day)).toEqual(['2026-04-01', '2026-01-02']);
      expect(store.prewarm.totals()).toMatchObject([{ counts: { warmMs: 3_000 } }]);
    });
  });
});
