/**
 * `GET /metrics`: who sees what, that a scrape of all tenants wakes none, and that whatever fails or
 * is too much costs its own samples and no others.
 */
import { createExecutionContext, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { app } from '../../../src/app.ts';
import { METRICS_SHARDS, metricsShard } from '../../../src/protocol/metrics.ts';
import { shardOf } from '../../../src/protocol/shard-of.ts';
import { PATIENT } from '../../patience.ts';
import { type Family, parsePrometheus, valueIn } from '../../prometheus-text.ts';

const ADMIN = { authorization: 'Bearer test-admin', 'content-type': 'application/json' };
const COMPLETION = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } };

beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json(COMPLETION));
});

afterEach(() => vi.restoreAllMocks());

/** A request to the app, with another environment where one is given. */
async function get(path: string, headers: Record<string, string> = ADMIN, of: Env = env) {
  const ctx = createExecutionContext();
  const answer = await app.fetch(new Request(`http://t${path}`, { headers }), of, ctx);
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

async function scrape(path: string, headers?: Record<string, string>, of?: Env) {
  const { status, text, headers: answered } = await get(path, headers, of);
  expect([status, answered.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  return parsePrometheus(text);
}

async function newTenant(config: object = {}) {
  const name = `t-${crypto.randomUUID()}`;
  const path = `http://t/admin/tenants/${name}`;
  const send = (method: string, to: string, body: object = {}) =>
    exports.default.fetch(to, { method, headers: ADMIN, body: JSON.stringify(body) });
  const backends = {
    m: { models: ['m'], endpoints: [{ name: 'gpu', url: 'https://gpu.example.com/v1' }] },
  };
  expect((await send('PUT', path, { backends, ...config })).status).toBe(201);
  const { key } = (await (await send('POST', `${path}/keys`)).json()) as { key: string };
  const bearer = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return {
    name,
    bearer,
    remove: () => exports.default.fetch(path, { method: 'DELETE', headers: ADMIN }),
    chat: async (headers: Record<string, string> = {}) => {
      const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
      const init = { method: 'POST', headers: { ...bearer, ...headers }, body };
      const answer = await exports.default.fetch('http://t/v1/chat/completions', init);
      await answer.text();
      return answer.status;
    },
  };
}

/** The shard of a tenant in the register. */
function shardFor(tenant: string) {
  return env.METRICS.getByName(metricsShard(shardOf(tenant, METRICS_SHARDS)));
}

function figuresText(at: number, samples: object): string {
  return JSON.stringify({ startedAt: 0, at, samples });
}

/** Puts figures into the register as the tenant's object does. */
async function register(tenant: string, samples: object, { at = Date.now(), lines = 10 } = {}) {
  const text = figuresText(at, samples);
  await shardFor(tenant).put({ tenant, of: 'tenant', text, lines }, at);
}

/** An environment in which some objects of a namespace cannot be reached. */
function failing(binding: 'TENANT' | 'METRICS', isFailing: (name: string) => boolean): Env {
  const namespace = env[binding];
  const getByName = (name: string) => {
    if (isFailing(name)) throw new Error('the object is gone');
    return namespace.getByName(name);
  };
  return { ...env, [binding]: { getByName } } as unknown as Env;
}

async function emptyRegister(): Promise<void> {
  for (let i = 0; i < METRICS_SHARDS; i += 1) {
    await runInDurableObject(env.METRICS.getByName(metricsShard(i)), (_, state) =>
      state.storage.sql.exec('DELETE FROM figures'),
    );
  }
}

describe('a scrape of named tenants', () => {
  it('counts a call by backend, endpoint, application, outcome and code', async () => {
    const tenant = await newTenant();
    expect(await tenant.chat({ 'x-talaria-app': 'with "quotes" and \\' })).toBe(200);
    const of = { tenant: tenant.name, backend: 'm', app: 'with "quotes" and \\' };
    const calls = async () =>
      valueIn(await scrape(`/metrics?tenant=${tenant.name}`), 'talaria_calls_total', {
        ...of,
        endpoint: 'gpu',
        outcome: 'ok',
        code: 'ok',
      });
    await vi.waitUntil(async () => (await calls()) === 1, PATIENT);
    const families = await scrape(`/metrics?tenant=${tenant.name}`);
    expect(valueIn(families, 'talaria_input_tokens_total', of)).toBe(7);
    expect(valueIn(families, 'talaria_output_tokens_total', of)).toBe(3);
    expect(valueIn(families, 'talaria_call_duration_seconds_count', of)).toBe(1);
    expect(valueIn(families, 'talaria_queue_duration_seconds_count', of)).toBe(1);
    expect(valueIn(families, 'talaria_leases_granted_total', { endpoint: 'gpu' })).toBe(1);
    expect(valueIn(families, 'talaria_calls_waiting', { backend: 'm' })).toBe(0);
    expect(valueIn(families, 'talaria_slots', { endpoint: 'gpu' })).toBeGreaterThan(0);
    expect(valueIn(families, 'talaria_object_writes_total', { of: 'lease' })).toBe(1);
    expect(valueIn(families, 'talaria_object_database_bytes')).toBeGreaterThan(0);
    expect(valueIn(families, 'talaria_up', { tenant: tenant.name })).toBe(1);
  });

  it('says of a tenant that is not there, or cannot be reached, that it is not up', async () => {
    const [well, ill] = [await newTenant(), await newTenant()];
    const query = [well.name, ill.name, 'nobody'].map((name) => `tenant=${name}`).join('&');
    const families = await scrape(
      `/metrics?${query}`,
      ADMIN,
      failing('TENANT', (name) => name === ill.name),
    );
    const up = (tenant: string) => valueIn(families, 'talaria_up', { tenant });
    expect([up(well.name), up(ill.name), up('nobody')]).toEqual([1, 0, 0]);
    const of = { tenant: well.name };
    expect(valueIn(families, 'talaria_calls_waiting', of)).toBe(0);
  });

  it('does not wait for an object that never answers', async () => {
    const tenant = await newTenant();
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((act: () => void) => {
      queueMicrotask(act);
      return 0;
    }) as never);
    const stuck = { getByName: () => ({ figures: () => new Promise(() => {}) }) };
    const families = await scrape(`/metrics?tenant=${tenant.name}`, ADMIN, {
      ...env,
      TENANT: stuck,
    } as unknown as Env);
    expect(valueIn(families, 'talaria_up')).toBe(0);
  });

  it('has what the jobs of the tenant have brought, without asking their object', async () => {
    const { name } = await newTenant();
    const samples = { talaria_jobs_ended_total: [[['completed'], 4]] };
    const text = figuresText(Date.now(), samples);
    await shardFor(name).put({ tenant: name, of: 'jobs', text, lines: 1 }, Date.now());
    const families = await scrape(`/metrics?tenant=${name}`, ADMIN, {
      ...env,
      JOBS: undefined,
    } as unknown as Env);
    expect(valueIn(families, 'talaria_jobs_ended_total', { tenant: name })).toBe(4);
  });

  it.each([
    'tenant=a%20b',
    'tenant=',
    Array.from({ length: 21 }, (_, i) => `tenant=t${i}`).join('&'),
  ])('is refused where the names are wrong or too many: %s', async (query) => {
    const { status, text } = await get(`/metrics?${query}`);
    expect([status, JSON.parse(text).error.param]).toEqual([400, 'tenant']);
  });
});

describe("a scrape with a tenant's key", () => {
  it('shows that tenant, and takes no other name', async () => {
    const [mine, other] = [await newTenant(), await newTenant()];
    await other.chat({ 'x-talaria-app': 'secret-of-the-other' });
    await register(other.name, { talaria_runs_finished_total: [[['secret-of-the-other'], 1]] });
    for (const path of ['/metrics', `/metrics?tenant=${mine.name}`]) {
      const { status, text } = await get(path, mine.bearer);
      expect(status).toBe(200);
      expect(text).not.toContain('secret-of-the-other');
      const tenants = [...parsePrometheus(text).values()].flatMap(({ series }) =>
        series.map((s) => s.labels.tenant),
      );
      expect(new Set(tenants)).toEqual(new Set([mine.name]));
    }
    for (const query of [
      `tenant=${other.name}`,
      `tenant=${mine.name}&tenant=${other.name}`,
      'shard=1',
    ]) {
      const { status, text } = await get(`/metrics?${query}`, mine.bearer);
      expect(status).toBe(400);
      expect(text).not.toContain('talaria_');
    }
  });

  it('counts as a request of the key', async () => {
    const tenant = await newTenant({ limits: { requestsPerMinute: 2 } });
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await get('/metrics', tenant.bearer)).status);
    expect(statuses).toEqual([200, 200, 429]);
    const refusals = async () =>
      valueIn(await scrape(`/metrics?tenant=${tenant.name}`), 'talaria_refusals_total', {
        code: 'rate_limit_exceeded',
      });
    // Figures may be a second old.
    await vi.waitUntil(async () => (await refusals()) === 1, PATIENT);
  });
});

describe('a scrape of all tenants', () => {
  beforeEach(emptyRegister);

  /** Those of a test: the tenants of others may bring their figures meanwhile. */
  const shownOf = (families: Map<string, Family>, prefix: string) =>
    (families.get('talaria_up')?.series ?? [])
      .map(({ labels }) => labels.tenant ?? '')
      .filter((tenant) => tenant.startsWith(prefix));

  it('wakes none of them', async () => {
    const tenant = await newTenant();
    const text = await env.TENANT.getByName(tenant.name).figures();
    const samples = JSON.parse(text ?? '{}').samples;
    await register(tenant.name, { ...samples, talaria_runs_finished_total: [[['a'], 5]] });
    const asleep = failing('TENANT', () => {
      throw new Error('an object was asked');
    });
    const families = await scrape('/metrics', ADMIN, { ...asleep, JOBS: undefined } as never);
    expect(valueIn(families, 'talaria_up', { tenant: tenant.name })).toBe(1);
    const of = { tenant: tenant.name };
    expect(valueIn(families, 'talaria_runs_finished_total', of)).toBe(5);
    expect(valueIn(families, 'talaria_calls_waiting', of)).toBe(0);
    expect(families.get('talaria_metrics_shard_up')?.series).toHaveLength(METRICS_SHARDS);
  });

  it('has the counters of those that rest, and not how they were', async () => {
    const at = Date.now() - 3_600_000;
    const samples = {
      talaria_runs_finished_total: [[['a'], 5]],
      talaria_calls_waiting: [[['m'], 3]],
    };
    await register('resting', samples, { at });
    const families = await scrape('/metrics');
    const of = { tenant: 'resting' };
    expect(valueIn(families, 'talaria_runs_finished_total', of)).toBe(5);
    expect(valueIn(families, 'talaria_calls_waiting', of)).toBeUndefined();
    expect(valueIn(families, 'talaria_last_figures_timestamp_seconds', of)).toBe(at / 1_000);
  });

  it('goes on without a shard that fails, and without figures that are none', async () => {
    await register('well', { talaria_runs_finished_total: [[['a'], 1]] });
    await register('odd', { talaria_runs_finished_total: 'text' });
    await shardFor('odder').put({ tenant: 'odder', of: 'tenant', text: '{', lines: 1 }, Date.now());
    const bad = (shardOf('well', METRICS_SHARDS) + 1) % METRICS_SHARDS;
    const families = await scrape(
      '/metrics',
      ADMIN,
      failing('METRICS', (name) => name === metricsShard(bad)),
    );
    expect(valueIn(families, 'talaria_metrics_shard_up', { shard: String(bad) })).toBe(0);
    expect(valueIn(families, 'talaria_runs_finished_total', { tenant: 'well' })).toBe(1);
    const up = families.get('talaria_up')?.series ?? [];
    expect(up.filter((s) => s.value === 0).every((s) => s.labels.tenant !== 'well')).toBe(true);
  });

  it('has a bounded length: whole tenants are left out by name, and counted', async () => {
    const lines = Array.from({ length: 1_000 }, (_, i) => [[`app-${i}`], i]);
    for (let i = 0; i < 40; i += 1) {
      // As if each had ten times as many.
      await register(`big-${i}`, { talaria_runs_finished_total: lines }, { lines: 10_000 });
    }
    const families = await scrape('/metrics');
    const shown = shownOf(families, 'big-');
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.length).toBeLessThanOrEqual(15);
    expect(valueIn(families, 'talaria_metrics_tenants_omitted')).toBe(40 - shown.length);
    // The same ones each time: their series do not come and go.
    expect(shownOf(await scrape('/metrics'), 'big-')).toEqual(shown);
    const shards = Array.from({ length: METRICS_SHARDS }, (_, i) => `/metrics?shard=${i}`);
    const ofShards = await Promise.all(shards.map((path) => scrape(path)));
    expect(ofShards.flatMap((of) => shownOf(of, 'big-'))).toHaveLength(40);
  });

  it('may be made twenty times at once', async () => {
    const samples = { talaria_runs_finished_total: [[['a'], 5]] };
    for (let i = 0; i < 20; i += 1) await register(`many-${i}`, samples);
    const answers = await Promise.all(Array.from({ length: 20 }, () => scrape('/metrics')));
    const counts = answers.map((families) => shownOf(families, 'many-').length);
    expect(new Set(counts)).toEqual(new Set([20]));
  });

  it('is refused for a moment where scrapes take too much memory together', async () => {
    for (let i = 0; i < 16; i += 1) await register(`big-${i}`, {}, { lines: 30_000 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('/metrics')));
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([200, 503]);
    const refused = answers.find(({ status }) => status === 503);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect((await get('/metrics')).status).toBe(200);
  });

  it.each(['16', '-1', 'x', '1.5', ''])('is refused for the shard %j', async (shard) => {
    const { status, text } = await get(`/metrics?shard=${shard}`);
    expect([status, JSON.parse(text).error.param]).toEqual([400, 'shard']);
  });

  it('has nothing of a tenant that was deleted', async () => {
    const tenant = await newTenant();
    await register(tenant.name, { talaria_runs_finished_total: [[['a'], 5]] });
    expect((await tenant.remove()).status).toBe(204);
    expect((await get('/metrics')).text).not.toContain(tenant.name);
  });
});

describe('the register', () => {
  beforeEach(emptyRegister);
  const runs = async () =>
    valueIn(await scrape('/metrics'), 'talaria_runs_finished_total', { tenant: 'late' });
  const put = (count: number, at: number) =>
    register('late', { talaria_runs_finished_total: [[['a'], count]] }, { at });

  it('does not take older figures for newer ones: counters would go back', async () => {
    const now = Date.now();
    await put(5, now);
    await put(3, now - 1_000);
    expect(await runs()).toBe(5);
    // A clock that went back by an hour is another case.
    await put(6, now - 3_600_000);
    expect(await runs()).toBe(6);
  });

  it('keeps no figures that are longer than a row may be, and the ones before', async () => {
    await put(5, Date.now());
    await register('late', { talaria_runs_finished_total: [[['x'.repeat(1_500_000)], 9]] });
    expect(await runs()).toBe(5);
  });
});
