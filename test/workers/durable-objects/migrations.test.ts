/** Databases of every earlier version, opened by the present code, and one of a later version. */
import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JOB_MIGRATIONS } from '../../../durable-objects/jobs/job-schema.ts';
import { migrate } from '../../../durable-objects/migrations.ts';
import { MIGRATIONS } from '../../../durable-objects/tenant/tenant-schema.ts';
import { parseStoredConfig, parseTenantConfig } from '../../../src/config/parse.ts';
import { CONFIG_FORMAT } from '../../../src/config/upgrade.ts';
import answers from '../../fixtures/databases/answers-1.sql';
import jobs from '../../fixtures/databases/jobs-1.sql';
import first from '../../fixtures/databases/tenant-1-first.sql';
import last from '../../fixtures/databases/tenant-1-last.sql';
import second from '../../fixtures/databases/tenant-2.sql';
import third from '../../fixtures/databases/tenant-3.sql';
import fourth from '../../fixtures/databases/tenant-4.sql';
import fifth from '../../fixtures/databases/tenant-5.sql';
import sixthFirst from '../../fixtures/databases/tenant-6-first.sql';

const DATABASES = [
  ['schema 1, as it was first', 1, first],
  ['schema 1, as it was last', 1, last],
  ['schema 2', 2, second],
  ['schema 3', 3, third],
  ['schema 4', 4, fourth],
  ['schema 5', 5, fifth],
  ['schema 6, as it was first', 6, sixthFirst],
] as const;
const OK = { outcome: 'ok' as const, endpointFault: false, cold: false, serviceMs: 100 };

type Tenant = ReturnType<typeof env.TENANT.getByName>;

/** An object that finds this database as its own when it starts. */
async function tenantWith(database: string): Promise<() => Tenant> {
  const name = `t-${crypto.randomUUID()}`;
  const stub = () => env.TENANT.getByName(name);
  await runInDurableObject(stub(), async (_object, { storage }) => {
    await storage.deleteAlarm();
    await storage.deleteAll();
    storage.sql.exec(database);
  });
  await abortAllDurableObjects();
  return stub;
}

/** Every row of every table, as stored. */
function dump(stub: Tenant): Promise<Record<string, unknown[]>> {
  return runInDurableObject(stub, (_object, { storage }) => tablesOf(storage.sql));
}

function tablesOf(sql: SqlStorage): Record<string, unknown[]> {
  const tables = [
    ...sql.exec(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'`,
    ),
  ];
  return Object.fromEntries(
    tables.map(({ name }) => [String(name), [...sql.exec(`SELECT * FROM ${String(name)}`)]]),
  );
}

afterEach(() => vi.restoreAllMocks());

it('has a database of each schema before the present one', () => {
  const tried = new Set<number>(DATABASES.map(([, schema]) => schema));
  for (let schema = 1; schema < MIGRATIONS.length; schema += 1) expect(tried).toContain(schema);
  for (const [, schema, sql] of DATABASES) {
    expect(sql).toContain(`INSERT INTO migrations VALUES (${schema});`);
    expect(sql).not.toContain(`INSERT INTO migrations VALUES (${schema + 1});`);
  }
});

describe.each(DATABASES)('a database of %s', (_name, schema, sql) => {
  it('has its configuration, what was learned, its leases and its runs in flight', async () => {
    const stub = await tenantWith(sql);
    const document = JSON.parse((await stub().document()) ?? '{}');
    expect(document).toMatchObject({
      version: expect.any(Number),
      config: { keys: [{ id: 'k' }], prewarm: { mode: 'dry-run' } },
    });
    const view = async (name: 'pdgraph' | 'status' | 'prewarm') =>
      JSON.parse((await stub().view(name)) ?? '{}');
    expect(await view('pdgraph')).toMatchObject({
      applications: [
        {
          app: 'agent',
          runs: 3,
          units: [
            { unit: 'plan', visits: 3, output_tokens: { count: 3, mean: 5 } },
            { unit: 'find', visits: 3, service_ms: { count: 3, mean: 100 } },
            { unit: 'act', visits: 3 },
          ],
        },
      ],
    });
    const status = await view('status');
    expect(status).toMatchObject({
      runs_in_flight: 1,
      backends: { search: { running: 1, waiting: 0 }, m: { running: 0 } },
    });
    // The speed that was learned from calls, not the assumed one.
    expect(status.backends.m.speed.outputMs).toBeCloseTo(19.8);
    const { wakes } = await view('prewarm');
    expect(wakes).toContainEqual(expect.objectContaining({ backend: 'm', outcome: 'used' }));
  });

  it('is used: the call in flight ends, and its run is learned once', async () => {
    const stub = await tenantWith(sql);
    await stub().settle('live-find', OK);
    await stub().runEvent({ type: 'run-finished', runId: 'live' }, 0);
    const runs = async () =>
      JSON.parse((await stub().view('pdgraph')) ?? '{}').applications[0].runs;
    expect(await runs()).toBe(4);
    await abortAllDurableObjects();
    expect(await runs()).toBe(4);
    const tables = await dump(stub());
    expect(tables.leases).toEqual([]);
    expect(tables.recorded).toHaveLength(4);
  });

  it('is of the present schema then, and stays so', async () => {
    const stub = await tenantWith(sql);
    await stub().document();
    const { migrations } = await dump(stub());
    expect(migrations).toEqual(MIGRATIONS.map((_, i) => ({ id: i + 1 })));
    expect(schema).toBeLessThanOrEqual(MIGRATIONS.length);
    await abortAllDurableObjects();
    await stub().document();
    expect((await dump(stub())).migrations).toEqual(migrations);
  });

  it('has a configuration with its original meaning', async () => {
    const stub = await tenantWith(sql);
    const { config } = JSON.parse((await stub().document()) ?? '{}');
    const parsed = parseStoredConfig(config, { development: false });
    expect(parsed).toMatchObject({
      ok: true,
      // When it was written, the backend's setting replaced the tenant's as a whole.
      config: { backends: { m: { prewarm: { mode: 'on', theta: 0.1 } } } },
    });
  });
});

describe('a database of a later version', () => {
  const later = `${second}
    INSERT INTO migrations VALUES (98);
    INSERT INTO migrations VALUES (99);
    CREATE TABLE of_the_future (id INTEGER PRIMARY KEY, what TEXT);
    INSERT INTO of_the_future VALUES (1, 'kept');`;

  it('is refused with a message on what to do, and not changed', async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {});
    const name = `t-${crypto.randomUUID()}`;
    const stub = () => env.TENANT.getByName(name);
    await runInDurableObject(stub(), async (_object, { storage }) => {
      await storage.deleteAlarm();
      await storage.deleteAll();
      storage.sql.exec(later);
      const before = tablesOf(storage.sql);
      expect(() => migrate(storage, MIGRATIONS)).toThrow(
        `The database is of version 99, and this Talaria knows versions up to ${MIGRATIONS.length}: deploy the newer one again.`,
      );
      expect(tablesOf(storage.sql)).toEqual(before);
      expect(before.of_the_future).toEqual([{ id: 1, what: 'kept' }]);
    });
    await abortAllDurableObjects();
    const answer = await exports.default.fetch(
      new Request(`http://talaria.test/admin/tenants/${name}`, {
        headers: { authorization: 'Bearer test-admin' },
      }),
    );
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      error: { code: 'dispatcher_unavailable', message: expect.stringContaining('newer version') },
    });
    expect(JSON.stringify(told.mock.calls)).toContain('version 99');
    // The cron trigger and calls are refused too, and do not take it for an empty tenant.
    for (const ask of [() => stub().forecast(), () => stub().view('status')]) {
      let refused: unknown;
      try {
        await ask();
      } catch (error) {
        refused = error;
      }
      expect(refused).toMatchObject({ code: 'database_too_new' });
    }
  });
});

describe('a step that fails', () => {
  it('leaves the database as it was before that step', async () => {
    const stub = env.TENANT.getByName(`t-${crypto.randomUUID()}`);
    await runInDurableObject(stub, async (_object, { storage }) => {
      await storage.deleteAll();
      const good = 'CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);';
      migrate(storage, [good]);
      const before = tablesOf(storage.sql);
      const bad = 'INSERT INTO a VALUES (2); INSERT INTO there_is_none VALUES (1);';
      expect(() => migrate(storage, [good, bad])).toThrow();
      expect(tablesOf(storage.sql)).toEqual(before);
      migrate(storage, [good, 'INSERT INTO a VALUES (3);']);
      expect(tablesOf(storage.sql)).toMatchObject({ a: [{ x: 1 }, { x: 3 }] });
    });
  });
});

/** A jobs object that finds this database as its own when it starts. */
async function jobsWith(database: string) {
  const name = `t-${crypto.randomUUID()}`;
  const stub = () => env.JOBS.getByName(name);
  await runInDurableObject(stub(), async (_object, { storage }) => {
    await storage.deleteAlarm();
    await storage.deleteAll();
    storage.sql.exec(database);
  });
  await abortAllDurableObjects();
  return stub;
}

describe('a database of jobs of schema 1', () => {
  const [DONE, WAITING] = [
    'job_01a2165600323c7f4b69aa473b6be02b',
    'job_01a2165601ad9b11f7ef82d38d39491a',
  ];

  it('is the only one before the present one', () => {
    expect(JOB_MIGRATIONS).toHaveLength(2);
    expect(jobs).toContain('INSERT INTO migrations VALUES (1);');
    expect(jobs).not.toContain('INSERT INTO migrations VALUES (2);');
  });

  it('has its jobs, its batch and its file, and what they take', async () => {
    const stub = await jobsWith(jobs);
    const done = (await stub().job(DONE)) as unknown as { job: object; body: Uint8Array };
    expect(done.job).toMatchObject({ state: 'completed', answer: { status: 200 } });
    expect(JSON.parse(new TextDecoder().decode(done.body))).toMatchObject({ id: 'a' });
    expect(await stub().listBatches({ limit: 10 })).toMatchObject({
      items: [{ state: 'in_progress', metadata: { who: 'me' }, counts: { total: 2 } }],
    });
    expect(await stub().listFiles({ limit: 10 }, {})).toMatchObject({
      items: [{ filename: 'input.jsonl', bytes: 255 }],
    });
    const [usage, ...more] = await stub().usage();
    expect(more).toEqual([]);
    expect(usage).toMatchObject({ keyHash: '', jobs: 4, batches: 1, files: 1 });
    expect(usage?.bytes).toBeGreaterThan(10_000);
  });

  it('counts as zero once all of it is deleted', async () => {
    const stub = await jobsWith(jobs);
    const { items: files } = await stub().listFiles({ limit: 10 }, {});
    for (const { id } of files) await stub().deleteFile(id);
    await stub().dropJob(DONE);
    // A waiting job is first cancelled, then deleted.
    for (let i = 0; i < 2; i += 1) await stub().dropJob(WAITING);
    const left = await runInDurableObject(stub(), (_object, { storage }) => {
      const one = (query: string) => Number(storage.sql.exec(query).one().n);
      return {
        rows: one('SELECT SUM(bytes) AS n FROM jobs') + one('SELECT SUM(stored) AS n FROM batches'),
        account: one('SELECT bytes AS n FROM accounts'),
      };
    });
    expect(left.account).toBe(left.rows);
    expect(await stub().usage()).toMatchObject([{ jobs: 3, batches: 1, files: 0 }]);
  });

  it('of a later version is refused, and not changed', async () => {
    const name = `t-${crypto.randomUUID()}`;
    const later = `${jobs}\nINSERT INTO migrations VALUES (99);`;
    await runInDurableObject(env.JOBS.getByName(name), async (_object, { storage }) => {
      await storage.deleteAlarm();
      await storage.deleteAll();
      storage.sql.exec(later);
    });
    await abortAllDurableObjects();
    let refused: unknown;
    try {
      await env.JOBS.getByName(name).usage();
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: 'database_too_new' });
  });
});

describe('the shards of stored answers', () => {
  it('keep the answers from before their schema had a number', async () => {
    const name = `t-${crypto.randomUUID()}/0`;
    const stub = () => env.IDEMPOTENCY.getByName(name);
    await runInDurableObject(stub(), async (_object, { storage }) => {
      await storage.deleteAll();
      storage.sql.exec(
        `CREATE TABLE answers (key TEXT PRIMARY KEY, print TEXT, owner TEXT, expires_at REAL,
           bytes INTEGER, status INTEGER, headers TEXT, body BLOB);
         CREATE INDEX answers_by_expiry ON answers (expires_at, bytes);
         INSERT INTO answers VALUES ('k', 'p', 'o', 4102444800000, 258, 200, '[]', x'6869');`,
      );
    });
    await abortAllDurableObjects();
    const claim = { key: 'k', print: 'p', owner: 'other', lifetimeMs: 1_000, shardBytes: 10_000 };
    expect(await stub().begin(claim)).toMatchObject({
      status: 'replay',
      answer: { status: 200, body: new TextEncoder().encode('hi') },
    });
  });
});

describe('a shard of stored answers of schema 1', () => {
  it('has its answers, for whichever key has the id', async () => {
    const name = `t-${crypto.randomUUID()}/0`;
    const stub = () => env.IDEMPOTENCY.getByName(name);
    await runInDurableObject(stub(), async (_object, { storage }) => {
      await storage.deleteAll();
      storage.sql.exec(answers);
    });
    await abortAllDurableObjects();
    const print =
      'POST /v1/chat/completions 2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683';
    const claim = { key: 'k', print, owner: 'other', lifetimeMs: 1_000, shardBytes: 10_000 };
    expect(await stub().begin({ ...claim, keyHash: 'f'.repeat(64) })).toMatchObject({
      status: 'replay',
      answer: { status: 200, body: new TextEncoder().encode('{"n":1}') },
    });
  });
});

describe('a configuration', () => {
  const endpoints = [{ url: 'https://gpu.example.com/v1' }];
  const rules = { development: false };

  it('of the oldest form has its original meaning', () => {
    const oldest = {
      prewarm: { mode: 'off', theta: 0.9 },
      backends: {
        a: { endpoints, prewarm: { theta: 0.1 } },
        b: { endpoints, prewarm: { mode: 'dry-run' }, speed: { inputMs: 0.1, outputMs: 0 } },
        c: { endpoints },
      },
    };
    const parsed = parseStoredConfig(oldest, rules);
    expect(parsed).toMatchObject({
      ok: true,
      config: {
        format: CONFIG_FORMAT,
        backends: {
          a: { prewarm: { mode: 'on', theta: 0.1 } },
          b: { prewarm: { mode: 'dry-run', theta: 0.25 }, speed: { outputMs: 0.001 } },
        },
      },
    });
    expect(parsed.ok && 'prewarm' in (parsed.config.backends.c ?? {})).toBe(false);
  });

  it('of the present form is taken as it is', () => {
    const config = { format: CONFIG_FORMAT, backends: { a: { endpoints, prewarm: {} } } };
    expect(parseStoredConfig(config, rules)).toEqual(parseTenantConfig(config, rules));
    expect(parseStoredConfig(config, rules)).toMatchObject({
      config: { backends: { a: { prewarm: {} } } },
    });
  });

  it.each([
    [CONFIG_FORMAT + 1, 'of a newer Talaria'],
    [0, ''],
    ['2', ''],
    [1.5, ''],
  ])('of form %j is refused with the form in the message', (format, said) => {
    const parsed = parseStoredConfig({ format, backends: { a: { endpoints } } }, rules);
    expect(parsed).toMatchObject({
      ok: false,
      problems: [{ param: 'format', message: expect.stringContaining(said) }],
    });
  });

  it('is stored with its form, also by a PUT that names none', async () => {
    const stub = env.TENANT.getByName(`t-${crypto.randomUUID()}`);
    await stub.putConfig(JSON.stringify({ backends: { a: { endpoints } } }));
    const { config } = JSON.parse((await stub.document()) ?? '{}');
    expect(config.format).toBe(CONFIG_FORMAT);
  });
});
