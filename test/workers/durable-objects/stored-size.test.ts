/**
 * The counted size of every kind of row that a client can create, against the growth of the
 * database itself: many rows, with short and with long texts.
 */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { BatchStore } from '../../../durable-objects/jobs/batch-store.ts';
import { ChunkStore } from '../../../durable-objects/jobs/chunk-store.ts';
import { FileStore } from '../../../durable-objects/jobs/file-store.ts';
import { JobStore } from '../../../durable-objects/jobs/job-store.ts';
import { KeyAccounts } from '../../../durable-objects/jobs/key-accounts.ts';
import type { StoredAnswer } from '../../../src/protocol/idempotency.ts';
import { randomId } from '../../../src/protocol/jobs.ts';

const ROWS = 150;
const OWNER = { keyId: 'key_12345678', keyHash: 'f'.repeat(64) };
const SECRET = `whsec_${btoa('a secret of thirty-two bytes, yes')}`;

type Stores = { jobs: JobStore; files: FileStore; batches: BatchStore };

/** The counted bytes of the rows that `make` creates, and the bytes by which the database grew. */
function grown(
  make: (stores: Stores, i: number) => void,
): Promise<{ counted: number; size: number }> {
  const stub = env.JOBS.getByName(`t-${crypto.randomUUID()}`);
  return runInDurableObject(stub, (_object, { storage }) => {
    const { sql } = storage;
    const accounts = new KeyAccounts(sql);
    const chunks = new ChunkStore(sql);
    const stores = {
      jobs: new JobStore(sql, chunks, accounts),
      files: new FileStore(sql, chunks, accounts),
      batches: new BatchStore(sql, accounts),
    };
    const before = sql.databaseSize;
    storage.transactionSync(() => {
      for (let i = 0; i < ROWS; i += 1) make(stores, i);
      accounts.save();
    });
    return { counted: accounts.total.bytes, size: sql.databaseSize - before };
  });
}

/** Stores a job with a body; with `ended` it has also ended, with an answer and long headers. */
function makeJob(jobs: JobStore, i: number, fields: object, body = 0, ended = false): void {
  const now = 1_795_671_064_626 + i;
  const job = {
    ...{ id: randomId('job_', now), ...OWNER, method: 'POST', path: '/v1/chat/completions' },
    ...{ headers: {}, body: new Uint8Array(body), createdAt: now, deadlineAt: now + 1 },
    ...{ ownDeadline: false },
    ...fields,
  };
  jobs.insert(job);
  const row = jobs.job(job.id);
  if (!ended || !row) return;
  const answer = { status: 200, headers: { 'x-talaria-app': 'a'.repeat(1_500) } };
  jobs.end(row, { state: 'completed', answer, body: new Uint8Array(body) }, now, 1_000);
}

function headersOf(length: number): Record<string, string> {
  const most = 4_096;
  return Object.fromEntries(
    Array.from({ length: Math.ceil(length / most) }, (_, i) => [
      `x-${i}`,
      'h'.repeat(Math.min(most, length - i * most)),
    ]),
  );
}

describe('what is counted is at least what is stored', () => {
  it.each([0, 100, 400, 600, 1_000, 3_000, 4_096, 20_000, 131_072])(
    'of jobs with headers of %i bytes',
    async (length) => {
      for (const ended of [false, true]) {
        const { counted, size } = await grown(({ jobs }, i) =>
          makeJob(jobs, i, { headers: headersOf(length) }, 0, ended),
        );
        expect(size).toBeGreaterThan(ROWS * length);
        expect(counted).toBeGreaterThanOrEqual(size);
        // And the count is not much larger than what is stored.
        expect(counted).toBeLessThan(6 * size);
      }
    },
  );

  it.each([10, 500, 1_000, 1_100, 2_500, 4_000, 4_200, 9_000, 100_000])(
    'of jobs with bodies, and answers, of %i bytes',
    async (length) => {
      for (const ended of [false, true]) {
        const { counted, size } = await grown(({ jobs }, i) => makeJob(jobs, i, {}, length, ended));
        expect(counted).toBeGreaterThanOrEqual(size);
      }
    },
  );

  it('of jobs with the longest path, idempotency key and webhook', async () => {
    const url = `https://hooks.example.com/${'u'.repeat(2_000)}`;
    for (const path of ['/v1/x', `/v1/${'p'.repeat(4_000)}`]) {
      const { counted, size } = await grown(({ jobs }, i) =>
        makeJob(jobs, i, {
          path,
          once: { key: String(i).padStart(255, '0'), print: 'a'.repeat(64) },
          webhook: { url, secret: SECRET },
        }),
      );
      expect(counted).toBeGreaterThanOrEqual(size);
    }
  });

  it.each([1, 200, 512])('of lines of batches with custom ids of %i characters', async (length) => {
    const { counted, size } = await grown(({ jobs }, i) =>
      jobs.insert(
        {
          ...{ id: `batch_x/${String(i).padStart(8, '0')}`, ...OWNER, method: 'POST' },
          ...{ path: '/v1/chat/completions', headers: { 'x-talaria-app': 'ä'.repeat(128) } },
          ...{ body: new Uint8Array(100), createdAt: i, deadlineAt: i + 1, ownDeadline: false },
        },
        { batch: 'batch_x', line: i, customId: `${'ä'.repeat(length - 1)}${i}` },
      ),
    );
    expect(counted).toBeGreaterThanOrEqual(size);
  });

  it.each([0, 1, 16])('of batches with %i pairs of metadata', async (pairs) => {
    const metadata = Object.fromEntries(
      Array.from({ length: pairs }, (_, i) => [`${i}`.padEnd(64, 'k'), '€'.repeat(512)]),
    );
    const { counted, size } = await grown(({ batches }, i) => {
      const id = randomId('batch_', i);
      const order = { endpoint: '/v1/chat/completions', inputFile: randomId('file-'), metadata };
      batches.insert({ id, ...OWNER, ...order }, i, i + 1);
      const batch = batches.batch(id);
      const error = { code: 'duplicate_custom_id', message: '"'.repeat(600), line: 1 };
      const errors = Array.from({ length: 20 }, () => error);
      if (batch && i % 2 === 0) batches.change(batch, 'failed', i, { errors });
    });
    expect(counted).toBeGreaterThanOrEqual(size);
  });

  it.each([1, 255])('of files with names of %i characters', async (length) => {
    const { counted, size } = await grown(({ files }, i) => {
      const file = { purpose: 'batch' as const, filename: '€'.repeat(length), createdAt: i };
      files.begin({ id: randomId('file-', i), ...file }, 0, OWNER);
    });
    expect(counted).toBeGreaterThanOrEqual(size);
  });
});

describe('an account', () => {
  it('is zero once all rows are gone, in whichever way', async () => {
    const stub = env.JOBS.getByName(`t-${crypto.randomUUID()}`);
    await runInDurableObject(stub, (_object, { storage }) => {
      const { sql } = storage;
      const accounts = new KeyAccounts(sql);
      const chunks = new ChunkStore(sql);
      const jobs = new JobStore(sql, chunks, accounts);
      const files = new FileStore(sql, chunks, accounts);
      const batches = new BatchStore(sql, accounts);
      for (let i = 0; i < 20; i += 1) makeJob(jobs, i, { headers: headersOf(900) }, 3_000, true);
      jobs.forget(1_795_671_064_626 + 100_000);
      const file = { id: 'file-1', purpose: 'batch' as const, filename: 'f', createdAt: 1 };
      files.begin(file, 0, OWNER);
      files.append('file-1', new Uint8Array(1_500_000));
      files.complete('file-1', 2);
      files.forget(3);
      const order = { id: 'batch_1', ...OWNER, endpoint: '/v1/embeddings', inputFile: 'file-1' };
      batches.insert(order, 1, 2);
      const batch = batches.batch('batch_1');
      if (!batch) throw new Error('no batch');
      for (const state of ['in_progress', 'finalizing', 'completed'] as const) {
        batches.change({ ...batch, state: 'finalizing' }, state, 3);
      }
      batches.expireAt('batch_1', 4);
      batches.forget(5);
      accounts.save();
      expect(accounts.total).toEqual({ bytes: 0, jobs: 0, batches: 0, files: 0 });
      expect(Number(sql.exec('SELECT COUNT(*) AS n FROM accounts').one().n)).toBe(0);
    });
  });
});

describe('a shard of stored answers', () => {
  it.each([0, 1_500, 20_000])(
    'stores no more than its limit, with answers of %i bytes and claims',
    async (length) => {
      const shardBytes = 150_000;
      const stub = env.IDEMPOTENCY.getByName(`t-${crypto.randomUUID()}/0`);
      const size = () =>
        runInDurableObject(stub, (_object, { storage }) => storage.sql.databaseSize);
      const before = await size();
      for (let i = 0; i < 150; i += 1) {
        const claim = {
          ...{ key: String(i).padStart(64, '0'), keyHash: OWNER.keyHash, lifetimeMs: 60_000 },
          ...{ print: 'p'.repeat(320), owner: crypto.randomUUID(), shardBytes },
        };
        await stub.begin(claim);
        const headers = [['x-long', 'h'.repeat(1_000)]] as const;
        const answer: StoredAnswer = { status: 200, headers, body: new Uint8Array(length) };
        await stub.finish(claim, answer);
      }
      expect((await size()) - before).toBeLessThanOrEqual(shardBytes + 65_536);
    },
  );
});
