/** One step of a batch: how much work it does, and which batches have a step to do. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { BatchStore } from '../../../../durable-objects/jobs/batch-store.ts';
import { BatchWork } from '../../../../durable-objects/jobs/batch-work.ts';
import { type JobStores, jobStores } from '../../../../durable-objects/jobs/job-stores.ts';
import { jobSettings } from '../../../../src/config/job-settings.ts';

const KEY = { keyId: 'k', keyHash: 'a' };
const SETTINGS = jobSettings.parse({});

/** The stores of an object of the test's own. */
function withStores<T>(act: (stores: JobStores) => T): Promise<T> {
  const stub = env.JOBS.getByName(`t-${crypto.randomUUID()}`);
  return runInDurableObject(stub, (_object, { storage }) => act(jobStores(storage)));
}

function batch(batches: BatchStore, id: string, keyHash = KEY.keyHash) {
  const order = { endpoint: '/v1/embeddings', inputFile: 'file-x' };
  batches.insert({ id, keyId: 'k', keyHash, ...order }, 0, 1);
  const row = batches.batch(id);
  if (!row) throw new Error('no batch');
  return row;
}

it('writes a piece of output at a time, in bytes and not in characters', async () => {
  const left = await withStores((stores) => {
    const { jobs, lines, batches } = stores;
    const row = batches.change(batch(batches, 'batch_1'), 'finalizing', 0);
    const answer = { status: 200, headers: {} };
    for (let line = 1; line <= 6; line += 1) {
      const id = `batch_1/${line}`;
      const call = { method: 'POST', path: '/v1/embeddings', headers: {}, ownDeadline: false };
      const times = { createdAt: 0, deadlineAt: 1 };
      const of = { batch: 'batch_1', line, customId: `${line}` };
      jobs.insert({ id, ...KEY, ...call, ...times, body: new Uint8Array(0) }, of);
      const job = jobs.job(id);
      // 600 kB each, in characters of three bytes.
      const body = new TextEncoder().encode(JSON.stringify('€'.repeat(200_000)));
      if (job) jobs.end(job, { state: 'completed', answer, body }, 0, 1_000);
    }
    const work = new BatchWork(stores, () => {});
    work.step(row, SETTINGS, 0);
    return lines.first('batch_1', 10).length;
  });
  expect(left).toBe(4);
});

it('is made by batches that have something to do, by their keys', async () => {
  const moving = await withStores(({ batches }) => {
    for (const [id, keyHash] of [
      ['batch_1', 'a'],
      ['batch_2', 'b'],
      ['batch_3', 'a'],
    ] as const) {
      batch(batches, id, keyHash);
    }
    const idle = batch(batches, 'batch_4');
    batches.read('batch_4', 10, 2, 2);
    batches.change(idle, 'in_progress', 0);
    const over = batch(batches, 'batch_5', 'b');
    batches.change(over, 'failed', 0);
    return [...batches.moving()];
  });
  expect(moving).toEqual([
    ['a', ['batch_1', 'batch_3']],
    ['b', ['batch_2']],
  ]);
});
