/** What the tenant's object writes for its calls: each row is billed, and each commit is waited for. */
import { describe, expect, it } from 'vitest';
import type { EnqueueRequest } from '../../src/protocol/admission.ts';
import { onHost } from './in-world.ts';
import { ObjectHost } from './object-host.ts';

const CALLS = 400;
const CALLS_A_RUN = 8;
const OK = { outcome: 'ok' as const, endpointFault: false, cold: false, outputTokens: 5 };

interface Written {
  readonly rowsACall: number;
  readonly commitsACall: number;
  /** Leases in storage once nothing has happened for a while. */
  readonly left: number;
}

/** A call begins every `everyMs` and takes `takesMs`; at most `slots` of them run. */
async function written(slots: number, everyMs: number, takesMs: number): Promise<Written> {
  const host = new ObjectHost();
  let result: Written | undefined;
  await onHost(host, async () => {
    const endpoints = [{ url: 'http://127.0.0.1:1/v1', slots }];
    const keys = [{ id: 'k', sha256: 'a'.repeat(64) }];
    const config = { keys, backends: { llm: { models: ['m'], endpoints } } };
    await host.event((object) => object.putConfig(JSON.stringify(config)));
    const { rowsWritten, commits } = host;
    const running: Array<{ callId: string; endsAt: number }> = [];
    const ring = async (until: number) => {
      while (host.dueAt <= until) {
        host.elapsed = Math.max(host.elapsed, host.dueAt);
        await host.ring();
      }
      host.elapsed = Math.max(host.elapsed, until);
    };
    const passTo = async (at: number) => {
      for (let first = running[0]; first && first.endsAt <= at; first = running[0]) {
        running.shift();
        const { callId } = first;
        await ring(first.endsAt);
        await host.event(async (object) => {
          // Its answer waits for the lease's row; the next call does not.
          void object.settle(callId, { ...OK, serviceMs: takesMs });
        });
      }
      await ring(at);
    };
    const begin = async (n: number) => {
      const callId = `c${n}`;
      const runId = `r${Math.floor(n / CALLS_A_RUN)}`;
      const final = n % CALLS_A_RUN === CALLS_A_RUN - 1;
      const call = { app: 'app', unit: 'unit', backend: 'llm', kind: 'llm' as const };
      const request: EnqueueRequest = {
        keyId: 'k',
        version: 0,
        call: { ...call, callId, runId, inputTokens: 10, arrivedAt: host.wall, final },
      };
      const asked = await host.event((object) => object.enqueue(request));
      expect(asked).toMatchObject({ ok: true, value: { status: 'granted' } });
      running.push({ callId, endsAt: host.elapsed + takesMs });
    };
    for (let n = 0; n < CALLS; n += 1) {
      await passTo(host.elapsed + everyMs);
      await begin(n);
    }
    const counts = {
      rowsACall: (host.rowsWritten - rowsWritten) / CALLS,
      commitsACall: (host.commits - commits) / CALLS,
    };
    for (const { callId } of running) {
      await host.event((object) => object.settle(callId, { ...OK, serviceMs: takesMs }));
    }
    result = { ...counts, left: host.rows('SELECT * FROM leases').length };
  });
  if (!result) throw new Error('the host did not run');
  return result;
}

describe('a call', () => {
  it.each([
    ['one after the other', 1, 8, 7],
    ['some at a time', 16, 3, 40],
    ['many at a time', 64, 2, 100],
  ])(
    'writes at most two rows and one transaction on average, %s',
    async (_, slots, every, takes) => {
      const { rowsACall, commitsACall, left } = await written(slots, every, takes);
      expect(rowsACall).toBeLessThan(2);
      expect(commitsACall).toBeLessThanOrEqual(1.01);
      expect(left).toBe(0);
    },
  );
});
