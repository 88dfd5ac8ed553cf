/** Export and import of a tenant: what an export contains, and that nothing is counted twice. */
import { abortAllDurableObjects } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../src/http/sha256.ts';

const ADMIN = { authorization: 'Bearer test-admin' };
const ENDPOINT = { name: 'gpu', url: 'http://127.0.0.1:9/v1', slots: 4 };
const CONFIG = {
  policy: 'sjf',
  backends: {
    m: { models: ['m'], endpoints: [{ ...ENDPOINT, auth: { secret: 'GPU_KEY' } }] },
    search: { endpoints: [{ url: 'http://127.0.0.1:9/search' }] },
  },
};

async function admin(method: string, path: string, body?: string): Promise<[number, string]> {
  const answer = await exports.default.fetch(
    new Request(`http://talaria.test/admin/tenants/${path}`, {
      method,
      headers: ADMIN,
      ...(body === undefined ? {} : { body }),
    }),
  );
  return [answer.status, await answer.text()];
}

/** The runs of an export, without its first line. */
function runsOf(text: string): Array<{ run: string; arrival_ms: number }> {
  const lines = text.trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter((line) => 'run' in line);
}

async function newTenant(config: object = CONFIG): Promise<string> {
  const name = `t-${crypto.randomUUID()}`;
  const [status] = await admin('PUT', name, JSON.stringify(config));
  expect(status).toBe(201);
  return name;
}

/** Runs of two applications, with chains, fan-outs, names that recur, and one that failed. */
async function live(tenant: string): Promise<void> {
  const stub = env.TENANT.getByName(tenant);
  const document = JSON.parse((await stub.document()) ?? '{}');
  await stub.addKey({ id: 'k', sha256: await sha256Hex(`key of ${tenant}`) });
  let n = 0;
  const call = async (runId: string, app: string, unit: string, more: object = {}) => {
    n += 1;
    const { ok = true, final = false, tokens = 7 } = more as Record<string, never>;
    using admitted = await stub.enqueue({
      keyId: 'k',
      version: document.version,
      call: {
        callId: `c${n}`,
        runId,
        app,
        unit,
        backend: unit === 'search' ? 'search' : 'm',
        kind: unit === 'search' ? 'service' : 'llm',
        inputTokens: unit === 'search' ? 0 : 10 + n,
        arrivedAt: Date.now(),
        final,
      },
    });
    expect(admitted.status).toBe('granted');
    const outcome = ok ? ('ok' as const) : ('failed' as const);
    const result = { outcome, endpointFault: false, cold: false, serviceMs: 100 + n };
    await admitted.ticket?.report({ ...result, inputTokens: 10 + n, outputTokens: tokens });
  };
  for (let i = 0; i < 12; i += 1) {
    await call(`r${i}`, 'agent', 'plan', { tokens: 5 + i });
    if (i % 2 === 0) await call(`r${i}`, 'agent', 'search');
    await call(`r${i}`, 'agent', 'answer', { tokens: 50 * i + 1, final: true });
  }
  await call('r0', 'other', 'only', { final: true });
  await call('failing', 'agent', 'plan', { ok: true });
  await call('failing', 'agent', 'answer', { ok: false, final: true });
  await stub.runEvent({ type: 'run-finished', runId: 'failing' }, 0);
}

async function graph(tenant: string): Promise<unknown> {
  const [, text] = await admin('GET', `${tenant}/pdgraph`);
  const { applications } = JSON.parse(text) as { applications: Array<{ app: string }> };
  return applications.sort((a, b) => a.app.localeCompare(b.app));
}

describe('an export', () => {
  it('has a first line with the configuration, and runs with unique names', async () => {
    const tenant = await newTenant();
    await live(tenant);
    const [status, text] = await admin('GET', `${tenant}/export`);
    expect(status).toBe(200);
    const [first, ...lines] = text.trim().split('\n');
    const head = JSON.parse(first ?? '');
    expect(head).toMatchObject({ talaria_export: 1, tenant, start_ms: expect.any(Number) });
    expect(head.config).toMatchObject({ ...CONFIG, format: 2 });
    expect(head.config).not.toHaveProperty('keys');

    const trace = runsOf(text);
    expect(trace).toHaveLength(lines.length);
    expect(trace).toHaveLength(14);
    expect(Math.min(...trace.map((r) => r.arrival_ms))).toBe(0);
    // Two runs are named r0: one of them is exported under another name, with r0 as its id.
    expect(trace.filter((r) => r.run === 'r0')).toHaveLength(1);
    expect(text).toMatch(/"run":"r0#\d+".*"id":"r0"/);
    const [, pure] = await admin('GET', `${tenant}/export?part=runs`);
    expect(pure).toBe(`${lines.join('\n')}\n`);
  });

  it('of a tenant without runs is its configuration; of a missing tenant it is not found', async () => {
    const tenant = await newTenant();
    const [, text] = await admin('GET', `${tenant}/export`);
    expect(text.trim().split('\n')).toHaveLength(1);
    expect((await admin('GET', `t-${crypto.randomUUID()}/export`))[0]).toBe(404);
    expect((await admin('GET', `${tenant}/export?part=half`))[0]).toBe(400);
  });

  it('comes in pages and loses no run between them', async () => {
    const tenant = await newTenant();
    const calls = Array.from({ length: 400 }, () => ({ input_tokens: 123_456, output_tokens: 7 }));
    const lines = Array.from({ length: 700 }, (_, i) =>
      JSON.stringify({
        run: `long-${i}`,
        app: 'a',
        arrival_ms: i,
        units: [{ unit: 'u', backend: 'm', calls: calls.slice(i % 3) }],
      }),
    );
    const [status, told] = await admin('POST', `${tenant}/import`, lines.join('\n'));
    expect([status, JSON.parse(told).runs]).toEqual([200, { imported: 700, known: 0, no_room: 0 }]);
    const [, text] = await admin('GET', `${tenant}/export`);
    expect(text.length).toBeGreaterThan(5_000_000);
    const runs = runsOf(text).map((r) => r.run);
    expect(runs).toEqual(lines.map((_, i) => `long-${i}`));
  });
});

describe('an import', () => {
  it('into a fresh tenant gives the same graph, also after a restart', async () => {
    const from = await newTenant();
    await live(from);
    const before = await graph(from);
    expect(before).toMatchObject([
      { app: 'agent', runs: 12, units: [{ visits: 12 }, { visits: 6 }, { visits: 12 }] },
      { app: 'other', runs: 1 },
    ]);
    const [, exported] = await admin('GET', `${from}/export`);
    const to = `t-${crypto.randomUUID()}`;
    const [status, told] = await admin('POST', `${to}/import`, exported);
    expect(status).toBe(201);
    expect(JSON.parse(told)).toEqual({
      tenant: to,
      config: 'created',
      runs: { imported: 14, known: 0, no_room: 0 },
    });
    expect(await graph(to)).toEqual(before);
    await abortAllDurableObjects();
    expect(await graph(to)).toEqual(before);
    const [, shown] = await admin('GET', to);
    expect(JSON.parse(shown).config).toMatchObject({ policy: 'sjf', keys: [] });
    // Exported again, it equals what was imported.
    const [, again] = await admin('GET', `${to}/export`);
    const rest = (text: string) => text.slice(text.indexOf('\n'));
    expect(rest(again)).toBe(rest(exported));
  });

  it('counts nothing twice: not repeated, not in its own tenant, not in parts', async () => {
    const from = await newTenant();
    await live(from);
    const before = await graph(from);
    const [, exported] = await admin('GET', `${from}/export`);
    const none = { imported: 0, known: 14, no_room: 0 };
    expect(JSON.parse((await admin('POST', `${from}/import`, exported))[1])).toMatchObject({
      config: 'kept',
      runs: none,
    });
    expect(await graph(from)).toEqual(before);

    const to = `t-${crypto.randomUUID()}`;
    const lines = exported.trim().split('\n');
    const part = lines.slice(0, 6).join('\n');
    expect(JSON.parse((await admin('POST', `${to}/import`, part))[1]).runs.imported).toBe(5);
    const whole = `${exported}${lines.slice(1).join('\n')}`;
    expect(JSON.parse((await admin('POST', `${to}/import`, whole))[1]).runs).toEqual({
      imported: 9,
      known: 19,
      no_room: 0,
    });
    await abortAllDurableObjects();
    expect(JSON.parse((await admin('POST', `${to}/import`, exported))[1]).runs).toEqual(none);
    expect(await graph(to)).toEqual(before);
  });

  it('replaces no run that the tenant has, and reports what has no room', async () => {
    const tenant = await newTenant();
    await live(tenant);
    const line = (i: number) =>
      JSON.stringify({
        run: `x${i}`,
        app: 'b',
        arrival_ms: i,
        units: [{ unit: 'u', backend: 'm', calls: [{ service_ms: 1 }] }],
      });
    const many = Array.from({ length: 5_010 }, (_, i) => line(i)).join('\n');
    const runs = async () => JSON.parse((await admin('POST', `${tenant}/import`, many))[1]).runs;
    expect(await runs()).toEqual({ imported: 4_986, known: 0, no_room: 24 });
    expect(await runs()).toEqual({ imported: 0, known: 4_986, no_room: 24 });
    const [, text] = await admin('GET', `${tenant}/runs`);
    expect(text.split('\n').filter((l) => l.includes('"agent"'))).toHaveLength(13);
    expect(await graph(tenant)).toContainEqual(expect.objectContaining({ app: 'b', runs: 4_986 }));
  });

  it('replaces a configuration only where it is told to', async () => {
    const from = await newTenant();
    const [, exported] = await admin('GET', `${from}/export`);
    const other = { backends: { n: { endpoints: [ENDPOINT] } } };
    const to = await newTenant(other);
    const stub = env.TENANT.getByName(to);
    await stub.addKey({ id: 'mine', sha256: await sha256Hex('mine') });
    const policy = async () => JSON.parse((await admin('GET', to))[1]).config.policy;
    await admin('POST', `${to}/import`, exported);
    expect(await policy()).toBeUndefined();
    const [status, told] = await admin('POST', `${to}/import?config=replace`, exported);
    expect([status, JSON.parse(told).config]).toEqual([200, 'replaced']);
    expect(await policy()).toBe('sjf');
    // Imported keys do not replace the tenant's own.
    expect(JSON.parse((await admin('GET', to))[1]).config.keys).toMatchObject([{ id: 'mine' }]);
  });

  const run = { run: 'r', app: 'a', arrival_ms: 1, units: [{ unit: 'u', backend: 'm' }] };
  const units = [{ unit: 'u', backend: 'm', calls: [{ service_ms: 1 }] }];
  it.each([
    ['', 'Expected an export: JSON Lines.'],
    ['{', 'Line 1: not valid JSON.'],
    ['\n\n[]', 'Line 3: '],
    [JSON.stringify({ talaria_export: 2 }), 'talaria_export'],
    [JSON.stringify(run), 'units[0].calls'],
    [
      `\n${JSON.stringify({ ...run, units: [] })}`,
      JSON.stringify('Field "line 2: units": expected at least 1 item.'),
    ],
    [JSON.stringify({ ...run, units, arrival_ms: -1 }), 'arrival_ms'],
    [JSON.stringify({ ...run, units, app: 'a\nb' }), 'app'],
    [JSON.stringify({ ...run, units: [{ ...units[0], backend: '__proto__' }] }), 'backend'],
    [
      `${JSON.stringify({ ...run, units })}\n${JSON.stringify({ talaria_export: 1 })}`,
      'Line 2: the head belongs first.',
    ],
  ])('refuses %j by line and field', async (body, said) => {
    const tenant = await newTenant();
    const [status, text] = await admin('POST', `${tenant}/import`, body);
    expect([status, text]).toEqual([400, expect.stringContaining(said)]);
  });

  it.each([100_000, 250_000])('refuses JSON that is nested %i deep', async (depth) => {
    const tenant = await newTenant();
    const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    for (const config of [`{"backends":${nested}}`, `{"backends":{"m":{"endpoints":${nested}}}}`]) {
      const body = `{"talaria_export":1,"config":${config}}`;
      expect((await admin('POST', `${tenant}/import?config=replace`, body))[0]).toBe(400);
    }
    const deepRun = `{"run":"r","app":"a","arrival_ms":1,"units":${nested}}`;
    expect((await admin('POST', `${tenant}/import`, deepRun))[0]).toBe(400);
  });

  it('refuses a line and a configuration that are too long, and names the limit', async () => {
    const tenant = await newTenant();
    const long = JSON.stringify({ ...run, units, x: 'x'.repeat(1_200_000) });
    for (const body of [long, `${JSON.stringify({ ...run, units })}\n${long}\n`]) {
      const [status, text] = await admin('POST', `${tenant}/import`, body);
      const { code, message } = JSON.parse(text).error;
      expect([status, code]).toEqual([413, 'request_too_large']);
      expect(message).toMatch(/^Line [12] is longer than 1200000 characters\.$/);
    }
    // Bytes count, as in a PUT: the line itself is within its limit.
    const config = { ...CONFIG, applications: { ['é'.repeat(550_000)]: {} } };
    const head = JSON.stringify({ talaria_export: 1, config });
    const [status, text] = await admin('POST', `${tenant}/import?config=replace`, head);
    expect([status, JSON.parse(text).error]).toMatchObject([
      413,
      { code: 'request_too_large', param: 'config' },
    ]);
    expect(JSON.parse(text).error.message).toContain('1000000 bytes');
  });

  it('keeps no more bytes of runs than are kept of those that end here', async () => {
    const tenant = await newTenant();
    const stub = env.TENANT.getByName(tenant);
    const sums = { imported: 0, no_room: 0 };
    const long = [{ ...units[0], unit: 'é'.repeat(450_000) }];
    for (let i = 0; i < 6; i += 1) {
      const some = Array.from({ length: 10 }, (_, k) => `r${10 * i + k}`);
      const runs = some.map((name) => ({ ...run, run: name, units: long, learned: false }));
      const done = await stub.importRuns(JSON.stringify(runs), 0);
      sums.imported += done?.imported ?? 0;
      sums.no_room += done?.no_room ?? 0;
    }
    // 50 MB, as UTF-8.
    expect(sums).toEqual({ imported: 55, no_room: 5 });
  });

  it('into a tenant that does not exist needs a configuration', async () => {
    const name = `t-${crypto.randomUUID()}`;
    const line = JSON.stringify({ ...run, units });
    expect((await admin('POST', `${name}/import`, line))[0]).toBe(404);
    const bad = JSON.stringify({ talaria_export: 1, config: { backends: {} } });
    const [status, text] = await admin('POST', `${name}/import`, bad);
    expect([status, JSON.parse(text).error.param]).toEqual([400, 'backends']);
    expect((await admin('GET', name))[0]).toBe(404);
  });
});
