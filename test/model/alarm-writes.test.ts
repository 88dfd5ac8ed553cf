/** How often the tenant's object sets its alarm: each time is billed as a written row. */
import { describe, expect, it } from 'vitest';
import { onHost } from './in-world.ts';
import { ObjectHost } from './object-host.ts';

const SECONDS = 60;

describe('the alarm', () => {
  it('is set only a few times a minute, however many events and forecasts there are', async () => {
    const host = new ObjectHost();
    await onHost(host, async () => {
      const coldStart = { estimateMs: 8_000, idleTimeoutMs: 60_000 };
      const config = {
        leaseMs: 60_000,
        keys: [{ id: 'k', sha256: 'a'.repeat(64) }],
        backends: {
          llm: { models: ['m'], endpoints: [{ url: 'http://127.0.0.1:1/v1', slots: 8 }] },
          tool: { endpoints: [{ url: 'http://127.0.0.1:2/v1', slots: 1, coldStart }] },
        },
      };
      await host.event((object) => object.putConfig(JSON.stringify(config)));
      const { alarmsSet: before } = host;
      const call = {
        app: 'app',
        unit: 'unit',
        backend: 'llm',
        kind: 'llm' as const,
        inputTokens: 10,
        final: false,
      };
      const result = { endpointFault: false, cold: false, outputTokens: 5, serviceMs: 50 };
      for (let tick = 0; tick < SECONDS * 20; tick += 1) {
        const callId = `c${tick}`;
        const arrivedAt = host.wall;
        const runId = `r${Math.floor(tick / 50)}`;
        const request = { keyId: 'k', version: 0, call: { ...call, callId, runId, arrivedAt } };
        const asked = await host.event((object) => object.enqueue(request));
        expect(asked).toMatchObject({ ok: true, value: { status: 'granted' } });
        host.elapsed += 50;
        while (host.dueAt <= host.elapsed) await host.ring();
        await host.event(async (object) => {
          // Its answer waits for the lease's row; the next call does not.
          void object.settle(callId, { outcome: 'ok', ...result });
        });
      }
      expect(host.alarmsSet - before).toBeLessThan(SECONDS / 4);
    });
  });
});
