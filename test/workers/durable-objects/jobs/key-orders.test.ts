/**
 * Creating jobs and batches counts as requests of the key, and they belong to the key itself, not
 * to its id.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256Hex } from '../../../../src/http/sha256.ts';
import { PATIENT } from '../../../patience.ts';
import { ADMIN, BODY, CHAT, gate, JobsBench, later, line } from './jobs-bench.ts';

vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('a request', () => {
  let bench: JobsBench;

  beforeEach(async () => {
    bench = await JobsBench.start();
    const backends = { m: { models: ['m'], endpoints: [{ url: bench.endpoint }] } };
    const config = { limits: { requestsPerMinute: 3 }, backends };
    await bench.fetch('PUT', `/admin/tenants/${bench.tenant}`, config, ADMIN);
    vi.useFakeTimers({ toFake: ['Date'] });
  });

  const refused = { status: 429, json: { error: { code: 'rate_limit_exceeded' } } };

  it("for a job counts towards its key's requests, and its call does not count again", async () => {
    for (let i = 0; i < 3; i += 1) await bench.once(await bench.ordered(), 'completed');
    expect(bench.calls).toHaveLength(3);
    const told = await bench.order();
    expect(told).toMatchObject(refused);
    expect(told.json.error?.message).toBe('This key may make 3 requests a minute.');
    // Each look of `waitUntil` moves the clock a little.
    const retryAfter = Number(told.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(20);
    expect((await bench.fetch('POST', CHAT, BODY)).status).toBe(429);
    later(20_000);
    expect((await bench.order()).status).toBe(202);
  });

  it('for a job that is retried counts once for each further attempt', async () => {
    bench.answer = () => new Response('{}', { status: 500 });
    const id = await bench.ordered();
    const attempts = (n: number) =>
      vi.waitUntil(
        async () => (await bench.count('SELECT attempts AS n FROM jobs')) === n,
        PATIENT,
      );
    await attempts(1);
    later(1_500);
    await bench.alarm();
    await attempts(2);
    expect((await bench.order()).status).toBe(202);
    expect(await bench.order()).toMatchObject(refused);
    await bench.fetch('DELETE', `/v1/jobs/${id}`);
  });

  it('for a batch or a file counts once, and each line of a batch counts as it runs', async () => {
    const file = await bench.upload(
      [line('a'), line('b')].map((l) => JSON.stringify(l)).join('\n'),
    );
    const order = { input_file_id: file.json.id, endpoint: CHAT, completion_window: '24h' };
    expect((await bench.fetch('POST', '/v1/batches', order)).status).toBe(200);
    await bench.called(1);
    expect(await bench.fetch('POST', '/v1/batches', order)).toMatchObject(refused);
    expect(await bench.upload('x')).toMatchObject(refused);
    expect(bench.calls).toHaveLength(1);
    // Reading jobs and batches costs nothing.
    expect((await bench.fetch('GET', '/v1/batches')).status).toBe(200);
    later(60_000);
    await bench.alarm();
    await bench.called(2);
  });

  it('that is refused is refused before its body is read', async () => {
    for (let i = 0; i < 3; i += 1) await bench.ordered();
    expect(await bench.fetch('POST', '/v1/jobs', '{no json')).toMatchObject(refused);
  });
});

describe('a key that was replaced under its id', () => {
  /** Configures keys by id and text, in place of all others. */
  async function setKeys(bench: JobsBench, keys: Record<string, string>) {
    const backends = { m: { models: ['m'], endpoints: [{ url: bench.endpoint, slots: 4 }] } };
    const list = await Promise.all(
      Object.entries(keys).map(async ([id, text]) => ({ id, sha256: await sha256Hex(text) })),
    );
    const config = { backends, jobs: { concurrency: 1 }, keys: list };
    await bench.fetch('PUT', `/admin/tenants/${bench.tenant}`, config, ADMIN);
  }

  async function withKey() {
    const bench = await JobsBench.start({ concurrency: 1 });
    const [old, fresh] = [`old-${bench.tenant}`, `new-${bench.tenant}`];
    await setKeys(bench, { k: old });
    bench.key = old;
    const replace = async () => {
      await setKeys(bench, { k: fresh });
      bench.key = fresh;
    };
    return { bench, replace };
  }

  it('has no running jobs: those that it created fail with the reason', async () => {
    const { bench, replace } = await withKey();
    const held = gate();
    bench.answer = held.answer;
    await bench.ordered();
    await bench.called(1);
    const second = await bench.ordered();
    const batch = await bench.batch([line('a')]);
    await replace();
    held.open();
    expect(await bench.once(second, 'failed')).toMatchObject({
      response: {
        status_code: 401,
        body: {
          error: {
            code: 'invalid_api_key',
            message: 'The API key that ordered this was revoked or replaced.',
          },
        },
      },
    });
    const { error_file_id } = await bench.batchOnce(batch, 'completed');
    expect((await bench.lines(error_file_id)).get('a')).toMatchObject({
      response: { status_code: 401 },
    });
    expect(bench.calls).toHaveLength(1);
  });

  it('gives its successor neither its jobs by idempotency key nor its share', async () => {
    const { bench, replace } = await withKey();
    const first = await bench.order({ idempotency_key: 'same' });
    await bench.once(String(first.json.id), 'completed');
    await replace();
    const next = await bench.order({ idempotency_key: 'same' });
    expect(next.status).toBe(202);
    expect(next.json.id).not.toBe(first.json.id);
    expect((await bench.order({ idempotency_key: 'same' })).json.id).toBe(next.json.id);
    await bench.once(String(next.json.id), 'completed');
    const usage = await bench.fetch('GET', `/admin/tenants/${bench.tenant}/jobs`, undefined, ADMIN);
    const keys = usage.json.keys as Array<{ key: string; sha256: string }>;
    expect(keys.map(({ key }) => key)).toEqual(['k', 'k']);
    expect(new Set(keys.map(({ sha256 }) => sha256)).size).toBe(2);
  });

  it('leaves its successor no answers of its calls', async () => {
    const { bench, replace } = await withKey();
    let n = 0;
    bench.answer = () => {
      n += 1;
      return Response.json({ n, choices: [] });
    };
    const call = async () =>
      (await bench.fetch('POST', CHAT, BODY, { 'idempotency-key': 'same' })).json.n;
    expect([await call(), await call()]).toEqual([1, 1]);
    await replace();
    expect([await call(), await call()]).toEqual([2, 2]);
  });
});
