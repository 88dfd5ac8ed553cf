/** The table of finished runs is also bounded by bytes, and keeps the newest. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { RecordedRuns } from '../../../../durable-objects/tenant/recorded-runs.ts';

it('keeps the newest runs for which there is room, however long they are', async () => {
  const stub = env.TENANT.getByName(`t-${crypto.randomUUID()}`);
  const kept = await runInDurableObject(stub, (_object, { storage }) => {
    const recorded = new RecordedRuns(storage);
    const call = { input_tokens: 1, output_tokens: 1 };
    const units = [{ unit: 'u', backend: 'm', calls: Array.from({ length: 20_000 }, () => call) }];
    for (let i = 0; i < 80; i += 1) {
      const record = { run: `r${i}`, app: 'a', arrival_ms: i, units };
      storage.transactionSync(() => recorded.add([{ record, finishedAt: i, learned: true }]));
    }
    const { n, bytes } = storage.sql
      .exec('SELECT COUNT(*) AS n, SUM(LENGTH(record)) AS bytes FROM recorded')
      .one();
    return { n: Number(n), bytes: Number(bytes), newest: recorded.names(1_000).at(-1) };
  });
  expect(kept.newest).toBe('r79');
  expect(kept.n).toBeGreaterThan(40);
  expect(kept.bytes).toBeLessThanOrEqual(51_000_000);
});
