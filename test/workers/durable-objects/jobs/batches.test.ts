/** Files and batches inside workerd: what is refused, a batch's output, and how it ends. */
import { abortAllDurableObjects } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PATIENT } from '../../../patience.ts';
import { ADMIN, BODY, CHAT, gate, JobsBench, later, line } from './jobs-bench.ts';

// These tests wait in real time before second attempts, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

type Errors = { data: Array<{ code: string; line: number | null; param: string | null }> };

describe('a file', () => {
  it('is kept in pieces, and comes back byte for byte', async () => {
    const bench = await JobsBench.start();
    const text = Array.from({ length: 250_000 }, (_, i) => `line ${i}\n`).join('');
    const { status, json } = await bench.upload(text);
    expect(status).toBe(200);
    expect(json).toMatchObject({ object: 'file', filename: 'input.jsonl', purpose: 'batch' });
    expect(json.bytes).toBe(text.length);
    expect(await bench.count('SELECT COUNT(*) AS n FROM chunks')).toBe(3);
    const content = await bench.fetch('GET', `/v1/files/${json.id}/content`);
    expect(content.json.text === text).toBe(true);
  });

  it.each([
    ['purpose', { purpose: 'fine-tune' }],
    ['expires_after[anchor]', { 'expires_after[seconds]': '3600' }],
    [
      'expires_after[seconds]',
      { 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '60' },
    ],
  ])('with a wrong "%s" is refused', async (param, fields) => {
    const bench = await JobsBench.start();
    const told = await bench.upload('x', fields);
    expect(told).toMatchObject({ status: 400, json: { error: { param } } });
  });

  it('is refused where it is too long, or no form', async () => {
    const bench = await JobsBench.start({ fileBytes: 1_024 });
    expect(await bench.upload('x'.repeat(1_025))).toMatchObject({ status: 413 });
    expect(await bench.upload('x'.repeat(40_000))).toMatchObject({ status: 413 });
    expect(await bench.upload('x'.repeat(1_024))).toMatchObject({ status: 200 });
    const plain = await bench.fetch('POST', '/v1/files', 'x');
    expect(plain).toMatchObject({ status: 400, json: { error: { param: 'content-type' } } });
    const type = { 'content-type': 'multipart/form-data; boundary=b' };
    expect(await bench.fetch('POST', '/v1/files', 'x', type)).toMatchObject({ status: 400 });
  });

  it('is forgotten after its time, or when it is deleted', async () => {
    const bench = await JobsBench.start({ retentionMs: 86_400_000 });
    const fields = { 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '3600' };
    const short = (await bench.upload('short', fields)).json.id;
    const long = (await bench.upload('long')).json.id;
    later(3_601_000);
    await bench.alarm();
    const status = async (id: unknown) => (await bench.fetch('GET', `/v1/files/${id}`)).status;
    expect([await status(short), await status(long)]).toEqual([404, 200]);
    expect(await bench.fetch('DELETE', `/v1/files/${long}`)).toMatchObject({
      json: { id: long, object: 'file', deleted: true },
    });
    expect(await status(long)).toBe(404);
    expect(await bench.count('SELECT COUNT(*) AS n FROM chunks')).toBe(0);
  });
});

describe('a batch', () => {
  it('outputs the answers and the errors of its lines, in their order', async () => {
    const bench = await JobsBench.start({ maxAttempts: 1 });
    bench.answer = ({ text }) =>
      JSON.parse(text).messages[0].content === 'break'
        ? new Response('{}', { status: 500 })
        : Response.json({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } });
    const say = (content: string) => ({ body: { ...BODY, messages: [{ role: 'user', content }] } });
    const id = await bench.batch([line('a'), line('b', say('break')), line('c')], {
      metadata: { who: 'me' },
    });
    const batch = await bench.batchOnce(id, 'completed');
    expect(batch).toMatchObject({
      object: 'batch',
      request_counts: { total: 3, completed: 2, failed: 1 },
      usage: { input_tokens: 6, output_tokens: 4 },
      metadata: { who: 'me' },
      errors: null,
    });
    const output = await bench.lines(batch.output_file_id);
    expect([...output.keys()]).toEqual(['a', 'c']);
    expect(output.get('a')).toMatchObject({
      error: null,
      response: { status_code: 200, body: { choices: [] } },
    });
    const errors = await bench.lines(batch.error_file_id);
    expect(errors.get('b')).toMatchObject({ error: null, response: { status_code: 502 } });
    // Nothing of the lines is left except what is in the files.
    expect(await bench.count('SELECT COUNT(*) AS n FROM jobs')).toBe(0);
    expect((await bench.fetch('GET', '/v1/jobs')).json.data).toEqual([]);
  });

  it('of more than one piece of input has every line once', async () => {
    const bench = await JobsBench.start({ concurrency: 50, resultBytes: 1_024 }, 50);
    bench.answer = () => Response.json({ choices: [] });
    const padding = 'x'.repeat(20_000);
    const lines = Array.from({ length: 120 }, (_, i) =>
      line(`r${i}`, { body: { ...BODY, padding } }),
    );
    const batch = await bench.batchOnce(await bench.batch(lines), 'completed');
    expect(batch.request_counts).toEqual({ total: 120, completed: 120, failed: 0 });
    const output = await bench.lines(batch.output_file_id);
    expect([...output.keys()]).toEqual(lines.map((l) => l.custom_id));
  });

  it.each([
    ['empty_file', null, ''],
    ['invalid_json_line', 2, `${JSON.stringify(line('a'))}\n{oops`],
    ['invalid_request', 1, JSON.stringify({ ...line('a'), method: 'GET' })],
    ['invalid_request', 1, JSON.stringify({ ...line('a'), custom_id: undefined })],
    ['invalid_request', 1, JSON.stringify(line('a', { body: { ...BODY, stream: true } }))],
    ['mismatched_url', 1, JSON.stringify(line('a', { url: '/v1/embeddings' }))],
    ['duplicate_custom_id', 2, `${JSON.stringify(line('a'))}\n${JSON.stringify(line('a'))}`],
    ['too_many_requests', 3, [1, 2, 3].map((n) => JSON.stringify(line(`${n}`))).join('\n')],
    ['line_too_long', 1, `${'x'.repeat(1_200_000)}\n`],
    ['request_too_large', 1, JSON.stringify(line('a', { body: { m: 'x'.repeat(5_000) } }))],
  ])('fails as a whole with %s in line %s', async (code, at, text) => {
    const bench = await JobsBench.start({ batchLines: 2, bodyBytes: 4_096 });
    const file = await bench.upload(text);
    const order = { endpoint: CHAT, completion_window: '24h', input_file_id: file.json.id };
    const made = await bench.fetch('POST', '/v1/batches', order);
    const batch = await bench.batchOnce(String(made.json.id), 'failed');
    expect((batch.errors as Errors).data).toMatchObject([{ code, line: at }]);
    expect(bench.calls).toHaveLength(0);
    expect(await bench.count('SELECT COUNT(*) AS n FROM jobs')).toBe(0);
  });

  it.each([
    ['endpoint', { endpoint: '/v1/jobs' }],
    ['completion_window', { completion_window: '1h' }],
    ['metadata.talaria_app', { metadata: { talaria_app: 'ä' } }],
    ['input_file_id', { input_file_id: 7 }],
  ])('with a wrong "%s" is refused', async (param, fields) => {
    const bench = await JobsBench.start();
    const order = { endpoint: CHAT, completion_window: '24h', input_file_id: 'file-x', ...fields };
    const told = await bench.fetch('POST', '/v1/batches', order);
    expect(told).toMatchObject({ status: 400, json: { error: { param } } });
  });

  it('of a file that does not exist is refused', async () => {
    const bench = await JobsBench.start();
    const order = { endpoint: CHAT, completion_window: '24h', input_file_id: 'file-x' };
    expect(await bench.fetch('POST', '/v1/batches', order)).toMatchObject({
      status: 404,
      json: { error: { code: 'file_not_found', param: 'input_file_id' } },
    });
    for (const [method, path] of [
      ['GET', '/v1/batches/x'],
      ['POST', '/v1/batches/x/cancel'],
    ] as const) {
      const told = await bench.fetch(method, path);
      expect(told).toMatchObject({ status: 404, json: { error: { code: 'batch_not_found' } } });
    }
  });

  it('that is cancelled keeps the lines that have ended, and marks the rest as cancelled', async () => {
    const bench = await JobsBench.start({ concurrency: 1 });
    const held = gate();
    const id = await bench.batch([line('a'), line('b'), line('c')]);
    bench.answer = (seen) =>
      bench.calls.length === 1 ? Response.json({ choices: [] }) : held.answer(seen);
    await bench.called(2);
    expect((await bench.fetch('POST', `/v1/batches/${id}/cancel`)).status).toBe(200);
    const batch = await bench.batchOnce(id, 'cancelled');
    await vi.waitUntil(() => held.aborted() === 1, PATIENT);
    expect(batch.request_counts).toEqual({ total: 3, completed: 1, failed: 2 });
    expect([...(await bench.lines(batch.output_file_id)).keys()]).toEqual(['a']);
    const errors = await bench.lines(batch.error_file_id);
    expect(errors.get('c')).toMatchObject({ response: null, error: { code: 'batch_cancelled' } });
    const again = await bench.fetch('POST', `/v1/batches/${id}/cancel`);
    expect(again).toMatchObject({ status: 409, json: { error: { code: 'batch_ended' } } });
    expect(again.headers.get('x-should-retry')).toBe('false');
  });

  it('expires after a day, with what it has', async () => {
    const bench = await JobsBench.start({ concurrency: 1 });
    const held = gate();
    bench.answer = (seen) =>
      bench.calls.length === 1 ? Response.json({ choices: [] }) : held.answer(seen);
    const id = await bench.batch([line('a'), line('b'), line('c')]);
    await bench.called(2);
    later(86_400_001);
    await bench.alarm();
    const batch = await bench.batchOnce(id, 'expired');
    expect(batch.request_counts).toEqual({ total: 3, completed: 1, failed: 2 });
    const errors = await bench.lines(batch.error_file_id);
    expect(errors.get('b')).toMatchObject({ response: null, error: { code: 'batch_expired' } });
  });

  it('leaves a place to single jobs, and they leave one to it', async () => {
    const bench = await JobsBench.start({ concurrency: 4 }, 10);
    const held = gate();
    bench.answer = held.answer;
    await bench.batch(Array.from({ length: 8 }, (_, i) => line(`r${i}`)));
    await bench.called(4);
    for (let i = 0; i < 8; i += 1) await bench.ordered();
    const running = (what: string) =>
      bench.count(`SELECT COUNT(*) AS n FROM jobs WHERE state = 'in_progress' AND batch ${what}`);
    expect([await running('IS NULL'), await running('IS NOT NULL')]).toEqual([0, 4]);
    held.open();
    const second = gate();
    bench.answer = second.answer;
    await bench.called(8);
    expect([await running('IS NULL'), await running('IS NOT NULL')]).toEqual([3, 1]);
    second.open();
  });

  it('that is refused does not retry with every line', async () => {
    const bench = await JobsBench.start();
    const backends = { m: { models: ['m'], endpoints: [{ url: bench.endpoint }] } };
    const config = { limits: { tokensPerMinute: 300 }, jobs: { concurrency: 3 }, backends };
    bench.answer = () => Response.json({ choices: [], usage: { completion_tokens: 299 } });
    await bench.fetch('PUT', `/admin/tenants/${bench.tenant}`, config, ADMIN);
    vi.useFakeTimers({ toFake: ['Date'] });
    const id = await bench.batch(Array.from({ length: 80 }, (_, i) => line(`r${i}`)));
    const putBack = () =>
      bench.count('SELECT COUNT(*) AS n FROM jobs WHERE not_before > created_at');
    const running = () => bench.count(`SELECT COUNT(*) AS n FROM jobs WHERE state = 'in_progress'`);
    await vi.waitUntil(async () => (await putBack()) >= 2, PATIENT);
    for (let round = 0; round < 5; round += 1) {
      await bench.alarm();
      await vi.waitUntil(async () => (await running()) === 0, PATIENT);
    }
    // One had its rate limit for a minute; the others stopped asking, except those in progress.
    // Each look of `waitUntil` moves the clock a little, so a few pauses end.
    expect(await putBack()).toBeLessThanOrEqual(40);
    expect(bench.calls).toHaveLength(1);
    later(60_000);
    await bench.alarm();
    await bench.called(2);
    await vi.waitUntil(
      async () => (await bench.count('SELECT completed AS n FROM batches')) === 2,
      PATIENT,
    );
    expect((await bench.fetch('GET', `/v1/batches/${id}`)).json.status).toBe('in_progress');
  });

  it('goes on where it was when its object is restarted', async () => {
    const bench = await JobsBench.start({ concurrency: 2 });
    const held = gate();
    bench.answer = (seen) =>
      bench.calls.length <= 3 ? Response.json({ choices: [] }) : held.answer(seen);
    const ids = Array.from({ length: 9 }, (_, i) => `r${i}`);
    const id = await bench.batch(ids.map((r) => line(r)));
    await bench.called(5);
    await abortAllDurableObjects();
    bench.answer = () => Response.json({ choices: [] });
    const batch = await bench.batchOnce(id, 'completed');
    expect(batch.request_counts).toEqual({ total: 9, completed: 9, failed: 0 });
    expect([...(await bench.lines(batch.output_file_id)).keys()]).toEqual(ids);
    held.open();
  });

  it('is listed, the newest first, and forgotten after its time', async () => {
    const bench = await JobsBench.start({ retentionMs: 60_000 });
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      later(10);
      ids.unshift(await bench.batch([line(name)]));
    }
    for (const id of ids) await bench.batchOnce(id, 'completed');
    const first = await bench.fetch('GET', '/v1/batches?limit=2');
    expect(first.json).toMatchObject({ has_more: true, last_id: ids[1] });
    const rest = await bench.fetch('GET', `/v1/batches?limit=2&after=${ids[1]}`);
    expect(rest.json.data?.map((b) => b.id)).toEqual([ids[2]]);
    later(61_000);
    await bench.alarm();
    for (const list of ['batches', 'files']) {
      expect((await bench.fetch('GET', `/v1/${list}`)).json.data).toEqual([]);
    }
    expect(await bench.count('SELECT COUNT(*) AS n FROM chunks')).toBe(0);
  });
});
