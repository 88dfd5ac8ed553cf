/**
 * Jobs inside workerd: which may be created, the states that a job goes through, and how it ends.
 */
import { abortAllDurableObjects } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PATIENT } from '../../../patience.ts';
import { ADMIN, BODY, CHAT, gate, JobsBench, later } from './jobs-bench.ts';

// These tests wait in real time before second attempts, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const broken = () => new Response('{"error":{"message":"it broke"}}', { status: 500 });

describe('a request for a job', () => {
  it('is answered with 202, runs as any call, and is shown with its answer', async () => {
    const bench = await JobsBench.start();
    const made = await bench.order({ headers: { 'X-Talaria-App': 'nightly', 'x-own': '1' } });
    expect(made.status).toBe(202);
    expect(made.headers.get('location')).toBe(`/v1/jobs/${made.json.id}`);
    expect(made.json).toMatchObject({ object: 'job', method: 'POST', path: CHAT });
    const job = await bench.once(String(made.json.id), 'completed');
    expect(job).toMatchObject({
      attempts: 1,
      error: null,
      response: {
        status_code: 200,
        headers: { 'x-talaria-app': 'nightly' },
        body: { id: 'a', choices: [] },
      },
    });
    const [call] = bench.calls;
    expect(JSON.parse(call?.text ?? '')).toEqual(BODY);
    expect(call?.headers.get('x-own')).toBe('1');
    expect(call?.headers.get('x-talaria-run-for')).toBeNull();
    const story = await bench.fetch('GET', `/v1/calls/${job.id}`);
    expect(story.json).toMatchObject({ identity: { app: 'nightly' }, state: 'ended' });
  });

  it('may be of a tool, with another method, a query, and bytes', async () => {
    const bench = await JobsBench.start();
    const bytes = Uint8Array.from([0, 255, 1, 254]);
    bench.answer = () => new Response(bytes, { headers: { 'content-type': 'image/png' } });
    const body_base64 = btoa(String.fromCharCode(...bytes));
    const id = await bench.ordered({
      method: 'PUT',
      path: '/v1/backends/tool/draw?size=2',
      body: undefined,
      body_base64,
    });
    const job = await bench.once(id, 'completed');
    expect(job.response).toMatchObject({ status_code: 200, body_base64 });
    expect(bench.calls).toMatchObject([{ method: 'PUT', url: `${bench.endpoint}/draw?size=2` }]);
    const got = await bench.ordered({
      method: 'GET',
      path: '/v1/backends/tool/x',
      body: undefined,
    });
    bench.answer = () => new Response('plain', { headers: { 'content-type': 'text/plain' } });
    expect((await bench.once(got, 'completed')).response).toBeDefined();
  });

  it.each([
    ['path', { path: '/admin/tenants/x' }],
    ['path', { path: '/v1/../admin/tenants/x' }],
    ['path', { path: '//elsewhere.example/v1/x' }],
    ['path', { path: '/v1/jobs' }],
    ['path', { path: '/v1/batches/x/cancel' }],
    ['method', { method: 'TRACE' }],
    ['headers.authorization', { headers: { authorization: 'Bearer x' } }],
    ['headers.x-talaria-run-for', { headers: { 'x-talaria-run-for': '{}' } }],
    ['headers.x-forwarded-for', { headers: { 'x-forwarded-for': '1.2.3.4' } }],
    ['headers.x-a', { headers: { 'x-a': 'line\nbreak' } }],
    ['body', { method: 'GET', path: '/v1/backends/tool/x' }],
    ['body_base64', { body_base64: 'AAAA' }],
    ['body_base64', { body: undefined, body_base64: 'no base64!' }],
    ['body.stream', { body: { ...BODY, stream: true } }],
    ['deadline_ms', { deadline_ms: 0 }],
    ['deadline_ms', { deadline_ms: 86_400_001 }],
    ['webhook.url', { webhook: { url: 'http://hooks.example.com/x', secret: 'whsec_x' } }],
    ['webhook.url', { webhook: { url: 'https://10.0.0.1/x', secret: 'whsec_x' } }],
    ['webhook.url', { webhook: { url: 'https://metadata.internal/x', secret: 'whsec_x' } }],
    ['webhook.secret', { webhook: { url: 'https://hooks.example.com/x' } }],
    [
      'webhook.secret',
      { webhook: { url: 'https://hooks.example.com/x', secret: 'whsec_c2hvcnQ=' } },
    ],
    ['surprise', { surprise: 1 }],
    // What its call would be refused for.
    ['body', { body: undefined }],
    ['body', { body: 'text' }],
    ['body.messages', { body: { model: 'm' } }],
    ['body.messages[0].role', { body: { ...BODY, messages: [{ content: 'x' }] } }],
    ['body.max_tokens', { body: { ...BODY, max_tokens: '9' } }],
    ['body.n', { body: { ...BODY, n: 1e6 } }],
    ['body.max_tokens', { path: '/v1/messages', body: BODY }],
    ['body.input', { path: '/v1/embeddings?x=1', body: { model: 'm' } }],
  ])('with a wrong "%s" is refused: %j', async (param, fields) => {
    const bench = await JobsBench.start();
    const told = await bench.order(fields);
    expect(told.status).toBe(400);
    expect(told.json.error?.param).toBe(param);
    // Named once, by its place in the order.
    expect(told.json.error?.message).not.toMatch(/^body\S+: Field/);
    expect(bench.calls).toHaveLength(0);
  });

  it.each(['/v1/%6aobs', '/v1//jobs', '/v1/./jobs', '/v1/JOBS'])(
    'with the path of jobs in another spelling, %s, creates none',
    async (path) => {
      const bench = await JobsBench.start();
      const told = await bench.order({ path, body: { path: CHAT, body: BODY } });
      if (told.status === 202) {
        const job = await bench.once(String(told.json.id), 'failed');
        expect(job.response).toMatchObject({ status_code: 404 });
      } else {
        expect(told.json.error?.param).toBe('path');
      }
      expect(bench.calls).toHaveLength(0);
      expect(await bench.count('SELECT COUNT(*) AS n FROM jobs')).toBeLessThanOrEqual(1);
    },
  );

  it('is refused if its body is too large or there are too many jobs', async () => {
    const bench = await JobsBench.start({ bodyBytes: 1_024, depth: 2, concurrency: 1 });
    const long = { ...BODY, padding: 'x'.repeat(1_024) };
    expect(await bench.order({ body: long })).toMatchObject({ status: 413 });
    const held = gate();
    bench.answer = held.answer;
    await bench.ordered();
    await bench.ordered();
    const full = await bench.order();
    expect(full).toMatchObject({ status: 429, json: { error: { code: 'queue_full' } } });
    expect(full.headers.get('retry-after')).toBe('30');
    held.open();
  });

  it('is refused if too much is stored, until something is deleted', async () => {
    const bench = await JobsBench.start({ totalBytes: 16_384, bodyBytes: 2_000 });
    const body = { ...BODY, padding: 'x'.repeat(1_200) };
    const held = gate();
    bench.answer = held.answer;
    const id = await bench.ordered({ body });
    expect(await bench.order({ body })).toMatchObject({ status: 429 });
    await bench.fetch('DELETE', `/v1/jobs/${id}`);
    expect(await bench.order({ body })).toMatchObject({ status: 202 });
    held.open();
  });
});

describe('an idempotency key', () => {
  it('creates one job, and is refused for another', async () => {
    const bench = await JobsBench.start();
    const header = { 'idempotency-key': 'k-1' };
    const first = await bench.order({}, header);
    const again = await bench.order({}, header);
    expect(again.status).toBe(202);
    expect(again.json.id).toBe(first.json.id);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const other = await bench.order({ deadline_ms: 5_000 }, header);
    expect(other).toMatchObject({
      status: 409,
      json: { error: { code: 'idempotency_key_conflict' } },
    });
    expect(other.headers.get('x-should-retry')).toBe('false');
    const inBody = await bench.order({ idempotency_key: 'k-2' });
    expect((await bench.order({ idempotency_key: 'k-2' })).json.id).toBe(inBody.json.id);
    await bench.once(String(first.json.id), 'completed');
    await bench.once(String(inBody.json.id), 'completed');
    expect(bench.calls).toHaveLength(2);
  });

  it('is free again when its job is forgotten', async () => {
    const bench = await JobsBench.start();
    const first = await bench.order({ idempotency_key: 'k' });
    await bench.once(String(first.json.id), 'completed');
    await bench.fetch('DELETE', `/v1/jobs/${first.json.id}`);
    expect((await bench.order({ idempotency_key: 'k' })).json.id).not.toBe(first.json.id);
  });
});

describe('an attempt', () => {
  it('that fails is made again, and counted', async () => {
    const bench = await JobsBench.start();
    let n = 0;
    bench.answer = () => {
      n += 1;
      return n === 1 ? broken() : Response.json({ choices: [] });
    };
    const id = await bench.ordered();
    const job = await bench.once(id, 'completed');
    expect(job.attempts).toBe(2);
    expect(bench.calls).toHaveLength(2);
  });

  it('is made only so often', async () => {
    const bench = await JobsBench.start({ maxAttempts: 2 });
    bench.answer = broken;
    const id = await bench.ordered();
    const job = await bench.once(id, 'failed');
    expect(job).toMatchObject({
      attempts: 2,
      response: { status_code: 502, body: { error: { code: 'upstream_error' } } },
    });
  });

  it('of a model that there is none of is not accepted', async () => {
    const bench = await JobsBench.start();
    for (const fields of [{}, { idempotency_key: 'none' }]) {
      const told = await bench.order({ body: { ...BODY, model: 'none' }, ...fields });
      expect([told.status, told.json.error?.param]).toEqual([404, 'body.model']);
    }
    // The key is free for one that can be made.
    const told = await bench.order({ idempotency_key: 'none' });
    expect(told.status).toBe(202);
  });

  it('is not made again where the call itself is wrong', async () => {
    const bench = await JobsBench.start();
    // What cannot be known when it is ordered: the path of a tool that the tenant does not have.
    const id = await bench.ordered({ path: '/v1/backends/none/x' });
    const job = await bench.once(id, 'failed');
    expect(job.response).toMatchObject({ status_code: 404 });
    expect(job.attempts).toBe(1);
    expect(bench.calls).toHaveLength(0);
  });

  it('that was refused without a slot does not count', async () => {
    const bench = await JobsBench.start({ maxAttempts: 1 });
    await bench.fetch(
      'PUT',
      `/admin/tenants/${bench.tenant}`,
      {
        limits: { tokensPerMinute: 300 },
        jobs: { maxAttempts: 1 },
        backends: { m: { models: ['m'], endpoints: [{ url: bench.endpoint }] } },
      },
      ADMIN,
    );
    bench.answer = () => Response.json({ choices: [], usage: { completion_tokens: 299 } });
    await bench.once(await bench.ordered(), 'completed');
    const second = await bench.ordered();
    await vi.waitUntil(
      async () =>
        (await bench.count(`SELECT COUNT(*) AS n FROM jobs WHERE not_before > created_at`)) === 1,
      PATIENT,
    );
    expect(await bench.job(second)).toMatchObject({ status: 'queued', attempts: 0 });
    later(120_000);
    await bench.alarm();
    expect(await bench.once(second, 'completed')).toMatchObject({ attempts: 1 });
  });

  it('whose answer is too long fails the job, and is not made again', async () => {
    const bench = await JobsBench.start({ resultBytes: 1_024 });
    bench.answer = () => Response.json({ text: 'x'.repeat(2_000) });
    const job = await bench.once(await bench.ordered(), 'failed');
    expect(job).toMatchObject({ response: null, error: { code: 'result_too_large' }, attempts: 1 });
  });

  it('keeps an answer of several pieces whole', async () => {
    const bench = await JobsBench.start();
    const text = Array.from({ length: 300_000 }, (_, i) => String(i % 10))
      .join('')
      .repeat(8);
    bench.answer = () => Response.json({ text });
    const job = await bench.once(await bench.ordered(), 'completed');
    expect(JSON.stringify(job.response?.body) === JSON.stringify({ text })).toBe(true);
    const longest = await bench.count('SELECT MAX(LENGTH(bytes)) AS n FROM chunks');
    expect(longest).toBe(1_000_000);
  });
});

describe('the end of a job', () => {
  it('comes by its deadline, waiting or running', async () => {
    const bench = await JobsBench.start({ concurrency: 1 });
    const held = gate();
    bench.answer = held.answer;
    const running = await bench.ordered({ deadline_ms: 60_000 });
    const waiting = await bench.ordered({ deadline_ms: 60_000 });
    await bench.called(1);
    expect(bench.calls).toHaveLength(1);
    later(60_001);
    await bench.alarm();
    for (const id of [running, waiting]) {
      const job = await bench.once(id, 'expired');
      expect(job).toMatchObject({ response: null, error: { code: 'job_expired' } });
    }
    await vi.waitUntil(() => held.aborted() === 1, PATIENT);
    expect(bench.calls).toHaveLength(1);
  });

  it('comes by DELETE, which cancels the call; a second one forgets the job', async () => {
    const bench = await JobsBench.start();
    const held = gate();
    bench.answer = held.answer;
    const id = await bench.ordered();
    await bench.called(1);
    const told = await bench.fetch('DELETE', `/v1/jobs/${id}`);
    expect(told).toMatchObject({ status: 200, json: { status: 'cancelled', deleted: false } });
    await vi.waitUntil(() => held.aborted() === 1, PATIENT);
    expect(await bench.job(id)).toMatchObject({ error: { code: 'job_cancelled' } });
    const again = await bench.fetch('DELETE', `/v1/jobs/${id}`);
    expect(again).toMatchObject({ status: 200, json: { deleted: true } });
    expect(await bench.fetch('GET', `/v1/jobs/${id}`)).toMatchObject({
      status: 404,
      json: { error: { code: 'job_not_found' } },
    });
    expect(await bench.count('SELECT COUNT(*) AS n FROM chunks')).toBe(0);
  });

  it('is kept for as long as is configured, and then forgotten with its answer', async () => {
    const bench = await JobsBench.start({ retentionMs: 60_000 });
    const id = await bench.ordered();
    await bench.once(id, 'completed');
    later(59_000);
    await bench.alarm();
    expect(await bench.job(id)).toMatchObject({ status: 'completed' });
    later(2_000);
    await bench.alarm();
    expect(await bench.fetch('GET', `/v1/jobs/${id}`)).toMatchObject({ status: 404 });
    expect(await bench.count('SELECT COUNT(*) AS n FROM chunks')).toBe(0);
  });

  it('comes if its key was revoked meanwhile: its call is not served', async () => {
    const bench = await JobsBench.start({ concurrency: 1 });
    const made = await bench.fetch('POST', `/admin/tenants/${bench.tenant}/keys`, undefined, ADMIN);
    const held = gate();
    bench.answer = held.answer;
    await bench.ordered();
    await bench.called(1);
    const other = { authorization: `Bearer ${made.json.key}` };
    const second = String((await bench.order({}, other)).json.id);
    const keys = `/admin/tenants/${bench.tenant}/keys/${made.json.id}`;
    expect((await bench.fetch('DELETE', keys, undefined, ADMIN)).status).toBe(204);
    held.open();
    expect(await bench.once(second, 'failed')).toMatchObject({
      response: { status_code: 401, body: { error: { code: 'invalid_api_key' } } },
    });
    expect(bench.calls).toHaveLength(1);
  });
});

describe('the number of jobs that run', () => {
  it('cannot be set beyond what one object may hold', async () => {
    const bench = await JobsBench.start();
    await expect(bench.configure({ concurrency: 21 })).rejects.toThrow('jobs.concurrency');
    await bench.configure({ concurrency: 20 });
    await bench.configure({ concurrency: 1_000, bodyBytes: 10_000, resultBytes: 90_000 });
  });

  it('is bounded', async () => {
    const bench = await JobsBench.start({ concurrency: 3 }, 10);
    const held = gate();
    let [running, most] = [0, 0];
    bench.answer = async (seen) => {
      running += 1;
      most = Math.max(most, running);
      const answer = await held.answer(seen);
      running -= 1;
      return answer;
    };
    const ids = await Promise.all(Array.from({ length: 12 }, () => bench.ordered()));
    // All jobs were created, and each asked to be started: three run, and no more will.
    await bench.called(3);
    await bench.alarm();
    held.open();
    for (const id of ids) await bench.once(id, 'completed');
    expect(most).toBe(3);
  });
});

describe('the list', () => {
  it('continues by a cursor, also if the job that it names is deleted', async () => {
    const bench = await JobsBench.start();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      later(10);
      ids.push(await bench.ordered());
    }
    ids.reverse();
    for (const id of ids) await bench.once(id, 'completed');
    const page = async (query: string) => {
      const { json } = await bench.fetch('GET', `/v1/jobs?${query}`);
      return { ids: json.data?.map((j) => j.id), more: json.has_more };
    };
    expect(await page('limit=2')).toEqual({ ids: ids.slice(0, 2), more: true });
    await bench.fetch('DELETE', `/v1/jobs/${ids[1]}`);
    expect(await page(`limit=2&after=${ids[1]}`)).toEqual({ ids: ids.slice(2, 4), more: true });
    expect(await page(`limit=2&after=${ids[3]}`)).toEqual({ ids: ids.slice(4), more: false });
    expect(await page('status=completed')).toMatchObject({ more: false });
    expect(await page('status=failed')).toEqual({ ids: [], more: false });
  });

  it.each(['limit=0', 'limit=101', 'limit=x', 'status=done', "after='"])(
    'refuses %s',
    async (query) => {
      const bench = await JobsBench.start();
      const told = await bench.fetch('GET', `/v1/jobs?${query}`);
      expect(told.status).toBe(400);
      expect(told.json.error?.param).toBe(query.split('=')[0]);
    },
  );
});

describe('another tenant', () => {
  it('sees nothing of a job, a file or a batch', async () => {
    const bench = await JobsBench.start();
    const other = await JobsBench.start();
    const job = await bench.ordered();
    const file = (await bench.upload('x')).json.id;
    const batch = await bench.batch([]).catch(() => '');
    const theirs = [
      ['GET', `/v1/jobs/${job}`],
      ['DELETE', `/v1/jobs/${job}`],
      ['GET', `/v1/files/${file}`],
      ['GET', `/v1/files/${file}/content`],
      ['DELETE', `/v1/files/${file}`],
      ['GET', `/v1/batches/${batch}`],
      ['POST', `/v1/batches/${batch}/cancel`],
    ] as const;
    for (const [method, path] of theirs) {
      expect([path, (await other.fetch(method, path)).status]).toEqual([path, 404]);
    }
    const order = { input_file_id: file, endpoint: CHAT, completion_window: '24h' };
    expect(await other.fetch('POST', '/v1/batches', order)).toMatchObject({ status: 404 });
    for (const list of ['jobs', 'files', 'batches']) {
      expect((await other.fetch('GET', `/v1/${list}`)).json.data).toEqual([]);
      const without = await other.fetch('GET', `/v1/${list}`, undefined, { authorization: 'x' });
      expect(without.status).toBe(401);
    }
    expect((await bench.fetch('GET', `/v1/jobs/${job}`)).status).toBe(200);
  });

  it('cannot impersonate the runner of jobs', async () => {
    const bench = await JobsBench.start();
    const owner = JSON.stringify({ tenant: bench.tenant, keyId: 'key_x' });
    const told = await bench.fetch('POST', CHAT, BODY, {
      authorization: 'none',
      'x-talaria-run-for': owner,
    });
    expect(told.status).toBe(401);
  });

  it('that is deleted has no jobs any more', async () => {
    const bench = await JobsBench.start();
    const held = gate();
    bench.answer = held.answer;
    await bench.ordered();
    await bench.upload('x');
    await bench.called(1);
    await bench.fetch('DELETE', `/admin/tenants/${bench.tenant}`, undefined, ADMIN);
    await vi.waitUntil(() => held.aborted() === 1, PATIENT);
    const query = (table: string) => bench.count(`SELECT COUNT(*) AS n FROM ${table}`);
    expect(await Promise.all(['jobs', 'files', 'chunks'].map(query))).toEqual([0, 0, 0]);
  });
});

describe('a restart of the object', () => {
  it('starts again what ran, and forgets nothing that waits', async () => {
    const bench = await JobsBench.start({ concurrency: 2 });
    const held = gate();
    bench.answer = held.answer;
    const ids = [await bench.ordered(), await bench.ordered(), await bench.ordered()];
    await bench.called(2);
    await abortAllDurableObjects();
    held.open();
    bench.answer = () => Response.json({ choices: [] });
    const jobs = [];
    for (const id of ids) jobs.push(await bench.once(id, 'completed'));
    expect(jobs.map((j) => j.attempts)).toEqual([2, 2, 1]);
  });

  it('fails a job whose every attempt is cut off by a restart', async () => {
    const bench = await JobsBench.start({ maxAttempts: 2 });
    const held = gate();
    bench.answer = held.answer;
    const id = await bench.ordered();
    await bench.called(1);
    await abortAllDurableObjects();
    await bench.job(id);
    await bench.called(2);
    await abortAllDurableObjects();
    expect(await bench.once(id, 'failed')).toMatchObject({
      attempts: 2,
      error: { code: 'upstream_error' },
    });
    held.open();
  });

  it('of an idle object changes nothing', async () => {
    const bench = await JobsBench.start();
    const id = await bench.ordered({ idempotency_key: 'k' });
    const before = await bench.once(id, 'completed');
    await bench.evict();
    expect(await bench.job(id)).toEqual(before);
    expect((await bench.order({ idempotency_key: 'k' })).json.id).toBe(id);
    expect(bench.calls).toHaveLength(1);
  });
});
