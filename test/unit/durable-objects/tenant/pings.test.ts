/** The wake requests of a tenant's object: one loop an endpoint, reported to the newest wake. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pings } from '../../../../durable-objects/tenant/pings.ts';
import { tenantSchema } from '../../../../src/config/schema.ts';
import type { PingOrder, WakeReport } from '../../../../src/protocol/orders.ts';

const CONFIG = tenantSchema.parse({
  keys: [{ id: 'k', sha256: '0'.repeat(64) }],
  backends: {
    m: {
      models: ['m'],
      endpoints: ['e', 'f'].map((name) => ({
        name,
        url: `https://${name}.example.com/v1`,
        coldStart: { estimateMs: 15_000, idleTimeoutMs: 60_000 },
      })),
    },
  },
});

/** When each endpoint is up, by the beginning of the test, ms. */
let upAt: Record<string, number>;
let running: number;
let mostRunning: number;
let looks: string[];
let beginning: number;

function newPings() {
  const reports: Array<{ order: PingOrder; report: WakeReport; at: number }> = [];
  const pings = new Pings({
    env: {},
    tenant: 't',
    config: () => CONFIG,
    wakeAnswered: async (order, report) => {
      reports.push({ order, report, at: Date.now() - beginning });
    },
    releaseAnswered: async () => {},
    waitUntil: () => {},
  });
  const wake = (endpoint: string, wakeAt: number, patienceMs = 60_000) =>
    pings.wake({ backend: 'm', endpoint, wakeAt, patienceMs });
  return { wake, reports };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, 'error').mockImplementation(() => {});
  upAt = { e: 20_000, f: 20_000 };
  [running, mostRunning, looks, beginning] = [0, 0, [], Date.now()];
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    const { hostname } = new URL(new Request(input).url);
    const endpoint = hostname.slice(0, 1);
    looks.push(endpoint);
    running += 1;
    mostRunning = Math.max(mostRunning, running);
    await new Promise((resolve) => setTimeout(resolve, 50));
    running -= 1;
    if (Date.now() - beginning < (upAt[endpoint] ?? Infinity)) {
      return Response.json({ error: { message: 'loading model' } }, { status: 503 });
    }
    const choices = [{ index: 0, message: { role: 'assistant', content: '.' } }];
    return Response.json({ choices });
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('the wakes of an endpoint', () => {
  it('are one loop, which reports to the newest of them', async () => {
    const { wake, reports } = newPings();
    wake('e', 1);
    await vi.advanceTimersByTimeAsync(5_000);
    wake('e', 2);
    await vi.advanceTimersByTimeAsync(5_000);
    wake('e', 3);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(mostRunning).toBe(1);
    expect(reports).toHaveLength(1);
    const [{ order, report, at } = { order: undefined, report: undefined, at: 0 }] = reports;
    expect(order?.wakeAt).toBe(3);
    expect(report).toMatchObject({ ok: true });
    expect(report?.refusals).toBeGreaterThan(5);
    // Measured from the third wake, which came after 10 s.
    expect(report?.tookMs).toBe(at - 10_000);
  });

  it('go on as long as the newest of them says', async () => {
    upAt = { e: 90_000 };
    const { wake, reports } = newPings();
    wake('e', 1, 30_000);
    await vi.advanceTimersByTimeAsync(29_000);
    wake('e', 2, 100_000);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(reports.map(({ order, report }) => [order.wakeAt, report.ok])).toEqual([[2, true]]);
    expect(mostRunning).toBe(1);
  });

  it('end with the patience of the last, and the next begins a new loop', async () => {
    upAt = { e: 90_000 };
    const { wake, reports } = newPings();
    wake('e', 1, 30_000);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(reports).toMatchObject([{ order: { wakeAt: 1 }, report: { ok: false } }]);
    const { length } = looks;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).toHaveLength(length);
    wake('e', 2, 60_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reports.at(-1)).toMatchObject({ order: { wakeAt: 2 }, report: { ok: true } });
  });

  it('are one loop for each endpoint', async () => {
    const { wake, reports } = newPings();
    wake('e', 1);
    wake('f', 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reports.map(({ order }) => order.endpoint).sort()).toEqual(['e', 'f']);
  });

  it.each([3_600_000, -3_600_000])(
    'are measured right by a clock that leaps by %i ms',
    async (leapMs) => {
      const { wake, reports } = newPings();
      wake('e', 1);
      await vi.advanceTimersByTimeAsync(5_000);
      vi.setSystemTime(Date.now() + leapMs);
      beginning += leapMs;
      await vi.advanceTimersByTimeAsync(40_000);
      const tookMs = reports[0]?.report.tookMs ?? Number.NaN;
      expect(Math.abs(tookMs - 20_000)).toBeLessThan(2_000);
    },
  );

  it('of an endpoint that is not configured fail with a reason', async () => {
    const { wake, reports } = newPings();
    wake('gone', 1);
    await vi.advanceTimersByTimeAsync(1);
    expect(reports).toMatchObject([
      { report: { ok: false, reason: expect.stringContaining('not configured') } },
    ]);
  });
});
