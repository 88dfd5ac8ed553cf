/** Two keys of one tenant: what one orders, stores and sends never stops the other. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PATIENT } from '../../../patience.ts';
import { ADMIN, BODY, CHAT, gate, JobsBench, later, line } from './jobs-bench.ts';

vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const SECRET = `whsec_${btoa('a secret of thirty-two bytes, yes')}`;

/** A tenant whose first key is greedy, and a second key. */
async function twoKeys(jobs: Record<string, unknown> = {}, slots = 50) {
  const bench = await JobsBench.start(jobs, slots);
  const other = await bench.newKey();
  return { bench, other: other.headers };
}

describe('the share of a key', () => {
  it('of unfinished jobs leaves room for another key, and is everything for a single key', async () => {
    const { bench, other } = await twoKeys({ depth: 4, concurrency: 1 });
    const held = gate();
    bench.answer = held.answer;
    expect([(await bench.order()).status, (await bench.order()).status]).toEqual([202, 202]);
    const full = await bench.order();
    expect(full).toMatchObject({
      status: 429,
      json: {
        error: { code: 'queue_full', message: expect.stringContaining('This key may have 2') },
      },
    });
    expect(full.headers.get('retry-after')).toBe('30');
    expect((await bench.order({}, other)).status).toBe(202);
    held.open();
    const alone = await JobsBench.start({ depth: 4, concurrency: 1 });
    const holding = gate();
    alone.answer = holding.answer;
    for (let i = 0; i < 4; i += 1) expect((await alone.order()).status).toBe(202);
    expect(await alone.order()).toMatchObject({
      status: 429,
      json: { error: { message: expect.stringContaining('The tenant may have 4') } },
    });
    holding.open();
  });

  it('of unfinished jobs holds for the lines of its batches', async () => {
    const { bench, other } = await twoKeys({ depth: 6, concurrency: 1 });
    const held = gate();
    bench.answer = held.answer;
    const lines = Array.from({ length: 4 }, (_, i) => line(`r${i}`));
    const batch = await bench.batchOnce(await bench.batch(lines), 'failed');
    expect(batch.errors).toMatchObject({
      data: [
        { code: 'queue_full', line: 4, message: expect.stringContaining('3 unfinished jobs') },
      ],
    });
    expect((await bench.order({}, other)).status).toBe(202);
    held.open();
  });

  it('of stored bytes leaves room for another key', async () => {
    const { bench, other } = await twoKeys({ totalBytes: 80_000, concurrency: 1 });
    const held = gate();
    bench.answer = held.answer;
    const headers = { 'x-long': 'x'.repeat(4_000) };
    const statuses = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await bench.order({ headers })).status);
    expect(statuses).toEqual([202, 202, 202, 429, 429]);
    expect((await bench.order({ headers })).json.error?.message).toContain('may keep 20000 bytes');
    expect((await bench.order({ headers }, other)).status).toBe(202);
    held.open();
  });

  it('of batches that have not ended, and of files, is counted', async () => {
    const { bench, other } = await twoKeys({ keyBatches: 1, keyFiles: 2 });
    const held = gate();
    bench.answer = held.answer;
    await bench.batch([line('a')]);
    const file = await bench.upload('x');
    const order = { input_file_id: file.json.id, endpoint: CHAT, completion_window: '24h' };
    const second = await bench.fetch('POST', '/v1/batches', order);
    expect(second).toMatchObject({
      status: 429,
      json: { error: { code: 'queue_full', message: expect.stringContaining('1 batches') } },
    });
    expect(second.headers.get('retry-after')).toBe('30');
    const third = await bench.upload('x');
    expect(third).toMatchObject({
      status: 429,
      json: { error: { code: 'queue_full', message: expect.stringContaining('2 files') } },
    });
    expect((await bench.fetch('POST', '/v1/batches', order, other)).status).toBe(200);
    await bench.fetch('DELETE', `/v1/files/${file.json.id}`);
    expect((await bench.upload('x')).status).toBe(200);
    held.open();
  });

  it('is reserved for an upload from its start, so that concurrent ones do not exceed it', async () => {
    const { bench } = await twoKeys({ totalBytes: 400_000, fileBytes: 60_000 });
    const text = 'x'.repeat(50_000);
    const made = await Promise.all(Array.from({ length: 6 }, () => bench.upload(text)));
    expect(made.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});

describe('the jobs of a key', () => {
  it('leave a place to another key, however many wait and however long they run', async () => {
    const { bench, other } = await twoKeys({ concurrency: 4 });
    const held = gate();
    bench.answer = (seen) => (seen.text.includes('greedy') ? held.answer(seen) : Response.json({}));
    const greedy = { ...BODY, messages: [{ role: 'user', content: 'greedy' }] };
    for (let i = 0; i < 20; i += 1) await bench.ordered({ body: greedy });
    await bench.called(3);
    const { json } = await bench.order({}, other);
    await bench.once(String(json.id), 'completed');
    expect(bench.calls.filter(({ text }) => text.includes('greedy'))).toHaveLength(3);
    held.open();
  });

  it('take turns with those of another key, one that came later among them', async () => {
    const { bench, other } = await twoKeys({ concurrency: 1 });
    const held = gate();
    bench.answer = held.answer;
    const said = (content: string) => ({
      body: { ...BODY, messages: [{ role: 'user', content }] },
    });
    for (let i = 0; i < 5; i += 1) await bench.ordered(said(`A${i}`));
    await bench.called(1);
    const late = await bench.order(said('B'), other);
    held.open();
    await bench.once(String(late.json.id), 'completed');
    const order = bench.calls.map(({ text }) => JSON.parse(text).messages[0].content);
    expect(order.slice(0, 2)).toEqual(['A0', 'B']);
  });

  it('that are refused pause without those of other keys', async () => {
    const { bench, other } = await twoKeys({ concurrency: 4 });
    const tenant = `/admin/tenants/${bench.tenant}`;
    const { config } = (await bench.fetch('GET', tenant, undefined, ADMIN)).json as {
      config: { keys: object[] };
    };
    const [first, ...rest] = config.keys;
    // After one call it has no tokens left for two minutes.
    const keys = [{ ...first, limits: { tokensPerMinute: 300 } }, ...rest];
    await bench.fetch('PUT', tenant, { ...config, keys }, ADMIN);
    bench.answer = () => Response.json({ choices: [], usage: { completion_tokens: 900 } });
    await bench.once(await bench.ordered(), 'completed');
    vi.useFakeTimers({ toFake: ['Date'] });
    await bench.batch(Array.from({ length: 300 }, (_, i) => line(`r${i}`)));
    const where = (what: string) => bench.count(`SELECT COUNT(*) AS n FROM jobs WHERE ${what}`);
    // The pause grows with each refusal, here to 26 s, and the clock stands still in it.
    for (let [refused, pauseMs] = [0, 50]; pauseMs < 20_000; pauseMs *= 2) {
      await vi.waitUntil(async () => {
        await bench.alarm();
        const now = await where('not_before > created_at');
        const isMore = now > refused && (await where(`state = 'in_progress'`)) === 0;
        if (isMore) refused = now;
        return isMore;
      }, PATIENT);
      later(2 * pauseMs);
    }
    await bench.alarm();
    await vi.waitUntil(async () => (await where(`state = 'in_progress'`)) === 0, PATIENT);
    const { json } = await bench.order({}, other);
    await bench.once(String(json.id), 'completed');
  });

  it('wait while its answers fill its share, and those of another key do not', async () => {
    const { bench, other } = await twoKeys({ totalBytes: 60_000, resultBytes: 40_000 });
    bench.answer = () => Response.json({ text: 'x'.repeat(30_000) });
    await bench.once(await bench.ordered(), 'completed');
    expect(await bench.order()).toMatchObject({ status: 429 });
    const { json } = await bench.order({}, other);
    await bench.once(String(json.id), 'completed');
  });
});

describe('the webhooks of a key', () => {
  it('are sent as fast as is configured, and the others wait', async () => {
    const bench = await JobsBench.start({ webhooksPerMinute: 1 });
    const webhook = { url: bench.receiver, secret: SECRET };
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.push(await bench.ordered({ webhook }));
    for (const id of ids) await bench.once(id, 'completed');
    const delivered = () =>
      bench.count(`SELECT COUNT(*) AS n FROM jobs WHERE webhook_state = 'delivered'`);
    for (let minute = 1; minute <= 3; minute += 1) {
      await vi.waitUntil(async () => (await delivered()) === minute, PATIENT);
      await bench.alarm();
      expect(bench.webhooks).toHaveLength(minute);
      later(60_000);
      await bench.alarm();
    }
  });

  it('go to one host a few at a time, and leave room for those of another key', async () => {
    const { bench, other } = await twoKeys({ concurrency: 16 });
    const held = gate();
    bench.webhook = (seen) => (seen.url.endsWith('/slow') ? held.answer(seen) : new Response('ok'));
    const slow = (host: string) => ({
      webhook: { url: `https://${host}.example.com/${bench.tenant}/slow`, secret: SECRET },
    });
    for (let i = 0; i < 6; i += 1) {
      await bench.once(await bench.ordered(slow('one')), 'completed');
    }
    await vi.waitUntil(() => bench.webhooks.length >= 4, PATIENT);
    await bench.alarm();
    expect(bench.webhooks).toHaveLength(4);
    for (let i = 0; i < 4; i += 1) {
      await bench.once(await bench.ordered(slow('two')), 'completed');
    }
    // Its share of all deliveries at a time is five.
    await vi.waitUntil(() => bench.webhooks.length >= 5, PATIENT);
    const webhook = { url: `https://hooks.example.com/${bench.tenant}/quick`, secret: SECRET };
    await bench.order({ webhook }, other);
    await vi.waitUntil(() => bench.webhooks.some(({ url }) => url.endsWith('/quick')), PATIENT);
    expect(bench.webhooks.filter(({ url }) => url.endsWith('/slow'))).toHaveLength(5);
    held.open();
    await vi.waitUntil(async () => {
      await bench.alarm();
      return (
        (await bench.count(`SELECT COUNT(*) AS n FROM jobs WHERE webhook_state = 'pending'`)) === 0
      );
    }, PATIENT);
  });
});

describe('what each key has', () => {
  it('is shown to the administrator, and is zero once all is deleted', async () => {
    const { bench, other } = await twoKeys({ concurrency: 1 });
    const held = gate();
    bench.answer = held.answer;
    const mine = await bench.ordered();
    await bench.called(1);
    const theirs = String((await bench.order({}, other)).json.id);
    const file = await bench.upload('x'.repeat(2_000));
    const shown = async () =>
      (await bench.fetch('GET', `/admin/tenants/${bench.tenant}/jobs`, undefined, ADMIN)).json
        .keys as Array<{ jobs: number; running: number; files: number; stored_bytes: number }>;
    const usage = await shown();
    expect(usage).toHaveLength(2);
    const owner = usage.find((u) => u.files === 1);
    expect(owner).toMatchObject({ jobs: 1, running: 1, batches: 0, webhooks_waiting: 0 });
    expect(owner?.stored_bytes).toBeGreaterThan(2_000);
    expect(usage.find((u) => u.files === 0)).toMatchObject({ jobs: 1, running: 0 });
    for (const id of [theirs, mine, theirs, mine]) await bench.fetch('DELETE', `/v1/jobs/${id}`);
    await bench.fetch('DELETE', `/v1/files/${file.json.id}`);
    expect(await shown()).toEqual([]);
    expect(await bench.count('SELECT COUNT(*) AS n FROM accounts')).toBe(0);
    held.open();
    const nobody = await bench.fetch('GET', '/admin/tenants/nobody/jobs', undefined, ADMIN);
    expect(nobody.status).toBe(404);
  });
});
