/** The console's settings: what is saved and by whom, what conflicts, and what nobody gets to see. */
import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type {
  AuditPage,
  ConfigVersions,
  ConfigView,
  KeysView,
} from '../../../../src/protocol/console/settings.ts';
import { ask, newTenant } from './bench.ts';

const SECRET = 'the-key-of-the-gpu';

async function configOf(name: string, token?: string): Promise<ConfigView> {
  return (await ask(`/tenants/${name}/config`, token)).json();
}

function put(name: string, config: object, version: number, more: object = {}, token?: string) {
  return ask(`/tenants/${name}/config`, token, {
    method: 'PUT',
    headers: { 'if-match': `"${version}"` },
    body: JSON.stringify({ config, ...more }),
  });
}

async function auditOf(name: string, after?: string): Promise<AuditPage> {
  const query = after === undefined ? '' : `?after=${after}`;
  return (await ask(`/tenants/${name}/audit${query}`)).json();
}

/** A tenant whose endpoint has a sealed key. */
async function sealedTenant() {
  const auth = { value: SECRET };
  const endpoints = [{ name: 'gpu', url: 'http://127.0.0.1:9/v1', slots: 1, auth }];
  const tenant = await newTenant();
  const { config, version } = await configOf(tenant.name);
  const backends = { m: { models: ['m'], endpoints } };
  const saved = await put(tenant.name, { ...config, backends }, version);
  expect(saved.status).toBe(200);
  return { ...tenant, version: ((await saved.json()) as ConfigView).version };
}

describe('a configuration', () => {
  it('is shown without any key, and saved with those that were hidden', async () => {
    const { name, key, admin, version } = await sealedTenant();
    const shown = await (await ask(`/tenants/${name}/config`)).text();
    expect(shown).not.toMatch(/sha256|v1\.|the-key/);
    const { config } = JSON.parse(shown);
    expect(config.backends.m.endpoints[0].auth.sealed).toBe('(kept)');
    const before = (await (await admin('GET')).json()) as { config: typeof config };
    config.backends.m.endpoints[0].slots = 7;
    expect((await put(name, config, version)).status).toBe(200);
    const after = (await (await admin('GET')).json()) as { config: typeof config };
    expect(after.config.backends.m.endpoints[0]).toEqual({
      ...before.config.backends.m.endpoints[0],
      slots: 7,
    });
    expect(after.config.keys).toEqual(before.config.keys);
    // A key sees what is configured, and no secret either.
    expect(await (await ask(`/tenants/${name}/config`, key)).text()).not.toMatch(/sha256|v1\./);
  });

  it('with a hidden key where there is none is refused at its field', async () => {
    const { name, version } = await newTenant();
    const { config } = await configOf(name);
    const endpoints = [{ url: 'http://127.0.0.1:9/v1', auth: { sealed: '(kept)' } }];
    const refused = await put(name, { ...config, backends: { m: { endpoints } } }, version);
    expect(refused.status).toBe(400);
    const { problems } = (await refused.json()) as { problems: Array<{ param: string }> };
    expect(problems[0]?.param).toBe('backends.m.endpoints[0].auth.sealed');
  });

  it('that two administrators save at once is saved by one; the other gets the newer one', async () => {
    const { name, version } = await newTenant();
    const { config } = await configOf(name);
    const answers = await Promise.all(
      [0.1, 0.2].map((alpha) => put(name, { ...config, alpha }, version)),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([200, 409]);
    const lost = answers.find((a) => a.status === 409);
    const saved = await configOf(name);
    expect(await lost?.json()).toMatchObject({
      error: { code: 'version_conflict', param: 'if-match' },
      current: saved,
    });
    expect(lost?.headers.get('x-should-retry')).toBe('false');
    expect(lost?.headers.get('etag')).toBe(`"${saved.version}"`);
  });

  it('needs a version, and one that is a number', async () => {
    const { name } = await newTenant();
    const { config } = await configOf(name);
    const body = JSON.stringify({ config });
    for (const header of [undefined, '', '*', 'W/"1"', '"1", "2"', '"99999999999999999999"']) {
      const headers: Record<string, string> = header === undefined ? {} : { 'if-match': header };
      const refused = await ask(`/tenants/${name}/config`, undefined, {
        method: 'PUT',
        headers,
        body,
      });
      expect([header, refused.status]).toEqual([header, 400]);
      expect(await refused.json()).toMatchObject({ error: { param: 'if-match' } });
    }
  });

  it('is put back with its keys as they were, but no revoked key of a client', async () => {
    const { name, admin, version } = await sealedTenant();
    const made = await admin('POST', '/keys');
    const { id } = (await made.json()) as { id: string };
    const { config, version: present } = await configOf(name);
    const other = { ...config, backends: { n: { endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } } };
    const changed = (await (await put(name, other, present)).json()) as ConfigView;
    await admin('DELETE', `/keys/${id}`);
    const { rows } = (await (
      await ask(`/tenants/${name}/config/versions`)
    ).json()) as ConfigVersions;
    expect(rows[0]?.version).toBe(changed.version);
    const older = rows.find((row) => row.version === version);
    expect(JSON.stringify(rows)).not.toMatch(/sha256|v1\.|the-key/);
    const now = await configOf(name);
    const undone = await put(name, older?.config ?? {}, now.version, { undoes: version });
    expect(undone.status).toBe(200);
    const stored = (await (await admin('GET')).json()) as {
      config: { keys: Array<{ id: string }>; backends: { m: { endpoints: object[] } } };
    };
    expect(stored.config.keys.map((k) => k.id)).toEqual(['k']);
    expect(JSON.stringify(stored.config.backends.m.endpoints[0])).toMatch(/"sealed":"v1\./);
    expect((await auditOf(name)).rows[0]).toMatchObject({
      action: 'config-undone',
      target: String(version),
    });
    const gone = await put(name, config, (await configOf(name)).version, { undoes: 1 });
    expect(await gone.json()).toMatchObject({ error: { code: 'version_not_found' } });
  });

  it('has at most 50 versions', async () => {
    const { name, stub } = await newTenant();
    const { config } = await configOf(name);
    for (let i = 0; i < 60; i += 1) {
      await stub().putConfig(JSON.stringify({ ...config, alpha: i / 100 }), 'op');
    }
    const { rows } = (await (
      await ask(`/tenants/${name}/config/versions`)
    ).json()) as ConfigVersions;
    expect(rows).toHaveLength(50);
    expect(rows[0]?.config).toMatchObject({ alpha: 0.59 });
    expect(rows[0]?.by).toBe('op');
  });

  it('has a schema', async () => {
    const { name, key } = await newTenant();
    const schema = await ask(`/tenants/${name}/config-schema`, key);
    expect(await schema.json()).toMatchObject({ type: 'object', additionalProperties: false });
  });
});

describe('the administrator API', () => {
  it('heeds If-Match where it is sent', async () => {
    const { name, admin, version } = await newTenant();
    const { config } = (await (await admin('GET')).json()) as { config: object };
    const putIf = (tag: string) =>
      stubFetch(name, 'PUT', '', { ...config, alpha: 0.7 }, { 'if-match': tag });
    expect((await putIf(`"${version}"`)).status).toBe(200);
    const conflict = await putIf(`"${version}"`);
    expect(conflict.status).toBe(409);
    expect(await conflict.json()).toMatchObject({
      error: { code: 'version_conflict' },
      current: { tenant: name, config: { alpha: 0.7 } },
    });
  });

  it('refuses If-Match for a tenant that does not exist', async () => {
    const config = { backends: { m: { endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } } };
    const name = `t-${crypto.randomUUID()}`;
    const refused = await stubFetch(name, 'PUT', '', config, { 'if-match': '"1"' });
    expect(refused.status).toBe(404);
  });

  it('changes the limits of a key, which keeps its other one', async () => {
    const { name } = await newTenant();
    const patch = (id: string, body: object) => stubFetch(name, 'PATCH', `/keys/${id}`, body);
    expect((await patch('k', { requestsPerMinute: 5, tokensPerMinute: 9 })).status).toBe(204);
    expect((await patch('k', { tokensPerMinute: null })).status).toBe(204);
    const { rows } = (await (await ask(`/tenants/${name}/keys`)).json()) as KeysView;
    expect(rows).toEqual([
      {
        ...{ id: 'k', requestsPerMinute: 5, tokensPerMinute: null, apps: null },
        ...{ openRuns: 0, waitingCalls: 0 },
      },
    ]);
    expect((await patch('nobody', {})).status).toBe(404);
    for (const body of [{ requestsPerMinute: 0 }, { rpm: 1 }, { tokensPerMinute: '5' }]) {
      expect((await patch('k', body)).status).toBe(400);
    }
  });
});

describe('the audit log', () => {
  it('has who changed what, and never a secret', async () => {
    const { name, admin, version } = await sealedTenant();
    const { config } = await configOf(name);
    await put(name, { ...config, alpha: 0.25 }, version);
    const key = (await (await admin('POST', '/keys')).json()) as { id: string; key: string };
    await ask(`/tenants/${name}/keys/${key.id}`, undefined, {
      method: 'PUT',
      body: JSON.stringify({ requestsPerMinute: 3 }),
    });
    await admin('DELETE', `/keys/${key.id}`);
    await ask(`/tenants/${name}/applications/${encodeURIComponent('<b>&app')}/weight`, undefined, {
      method: 'PUT',
      body: JSON.stringify({ weight: 2 }),
    });
    const order = `/tenants/${name}/endpoints/m/gpu/pause`;
    expect(await (await ask(order, undefined, { method: 'POST' })).json()).toMatchObject({
      done: true,
    });
    const { rows } = await auditOf(name);
    expect(rows.map(({ action, target }) => [action, target]).slice(0, 6)).toEqual([
      ['endpoint-pause', 'm/gpu'],
      ['weight-set', '<b>&app'],
      ['key-revoked', key.id],
      ['key-limits', key.id],
      ['key-made', key.id],
      ['config-put', ''],
    ]);
    expect(rows[1]?.changes).toEqual([
      { path: 'applications', before: null, after: '{"<b>&app":{"weight":2}}' },
    ]);
    expect(rows[5]?.changes).toContainEqual({ path: 'alpha', before: null, after: '0.25' });
    expect(new Set(rows.map((row) => row.by))).toEqual(new Set([rows[0]?.by]));
    expect(rows[0]?.by).toMatch(/^#[0-9a-f]{8}$/);
    expect(JSON.stringify(rows)).not.toMatch(/v1\.|the-key|[0-9a-f]{64}/);
  });

  it('is bounded however much is changed, and is read by pages', async () => {
    const { name, stub } = await newTenant();
    for (let i = 0; i < 1_060; i += 1) {
      await stub().steer({ type: 'weight', app: `a${i % 3}`, weight: 1 + (i % 900) }, 'op');
    }
    let [after, count] = [undefined as string | undefined, 0];
    do {
      const page: AuditPage = await auditOf(name, after);
      count += page.rows.length;
      after = page.after;
    } while (after !== undefined);
    expect(count).toBe(1_000);
  });

  it('outlives its tenant', async () => {
    const { name, admin } = await newTenant();
    await admin('DELETE');
    const log = await stubFetch(name, 'GET', '/audit');
    const { rows } = (await log.json()) as AuditPage;
    expect(rows[0]).toMatchObject({ action: 'tenant-deleted' });
  });
});

describe('an API key', () => {
  it('reads, but changes nothing and does not see who did', async () => {
    const { name, key } = await newTenant();
    const { config, version } = await configOf(name, key);
    expect((await put(name, config, version, {}, key)).status).toBe(403);
    const tries: Array<[string, string]> = [
      ...(['wake', 'release', 'pause', 'resume'] as const).map((order): [string, string] => [
        'POST',
        `/endpoints/m/gpu/${order}`,
      ]),
      ['POST', '/keys'],
      ['DELETE', '/keys/k'],
      ['PUT', '/keys/k'],
      ['PUT', '/applications/a/weight'],
      ['GET', '/audit'],
    ];
    for (const [method, path] of tries) {
      const init = method === 'GET' ? {} : { method, body: '{}' };
      const refused = await ask(`/tenants/${name}${path}`, key, init);
      expect([path, refused.status]).toEqual([path, 403]);
    }
    const { rows } = (await (await ask(`/tenants/${name}/keys`, key)).json()) as KeysView;
    expect(rows.map(({ id }) => id)).toEqual(['k']);
  });

  it('is shown once when it is made, with its limits', async () => {
    const { name } = await newTenant();
    const made = await ask(`/tenants/${name}/keys`, undefined, {
      method: 'POST',
      body: JSON.stringify({ requestsPerMinute: 4, tokensPerMinute: null }),
    });
    expect(made.status).toBe(201);
    const { id, key } = (await made.json()) as { id: string; key: string };
    const list = await (await ask(`/tenants/${name}/keys`)).text();
    expect(list).not.toContain(key);
    expect(JSON.parse(list).rows.at(-1)).toMatchObject({ id, requestsPerMinute: 4 });
    expect((await ask('/session', key)).status).toBe(200);
  });
});

describe('an order to an endpoint', () => {
  const order = (name: string, path: string) =>
    ask(`/tenants/${name}/endpoints/${path}`, undefined, { method: 'POST' });

  it('names one that exists, by its URL where it has no name', async () => {
    const { name } = await newTenant();
    const url = encodeURIComponent('http://127.0.0.1:9/v1');
    expect(await (await order(name, `m/${url}/pause`)).json()).toEqual({
      done: true,
      message: 'Done.',
    });
    expect(await (await order(name, `m/${url}/wake`)).json()).toMatchObject({ done: false });
    for (const path of ['m/other/pause', `none/${url}/pause`, 'constructor/name/pause']) {
      const refused = await order(name, path);
      expect([path, refused.status]).toEqual([path, 404]);
      expect(await refused.json()).toMatchObject({ error: { code: 'endpoint_not_found' } });
    }
    expect((await order(name, `m/${url}/explode`)).status).toBe(400);
  });

  it('holds over a restart, and is told in the status', async () => {
    const { name, admin } = await newTenant();
    const url = encodeURIComponent('http://127.0.0.1:9/v1');
    await order(name, `m/${url}/pause`);
    await evictDurableObject(env.TENANT.getByName(name));
    const status = (await (await admin('GET', '/status')).json()) as {
      backends: { m: { endpoints: Array<{ paused_since: number | null }> } };
    };
    expect(status.backends.m.endpoints[0]?.paused_since).toBeGreaterThan(0);
    expect((await (await order(name, `m/${url}/resume`)).json()) as object).toMatchObject({
      done: true,
    });
  });
});

describe('what was learned', () => {
  it('is shown of applications with names that are text, and 404 of others', async () => {
    const { name, key, enqueue, stub } = await newTenant();
    const app = '<img src=x onerror=alert(1)>';
    using _call = await enqueue('c1', { app, final: false });
    using _next = await enqueue('c2', { app });
    const page = (await (await ask(`/tenants/${name}/applications`, key)).json()) as {
      rows: Array<{ app: string; openRuns: number }>;
    };
    expect(page.rows).toContainEqual(expect.objectContaining({ app, openRuns: 2 }));
    const path = `/tenants/${name}/applications/${encodeURIComponent(app)}`;
    expect(await (await ask(path, key)).json()).toMatchObject({
      app,
      live: [{ unit: 'u', waiting: 1, running: 1, between: 0 }],
    });
    const none = await ask(`/tenants/${name}/applications/nobody`, key);
    expect(await none.json()).toMatchObject({ error: { code: 'application_not_found' } });
    await stub().cancel('c2');
  });

  it('is shown of warmth, in the bounds of time that are named', async () => {
    const coldStart = { estimateMs: 5_000, idleTimeoutMs: 60_000 };
    const endpoints = [{ name: 'gpu', url: 'http://127.0.0.1:9/v1', slots: 1, coldStart }];
    const prewarm = { pricePerWarmSecond: 2, theta: 0.5 };
    const { name, key } = await newTenant({ backends: { m: { endpoints } }, prewarm });
    const view = await (await ask(`/tenants/${name}/warmth`, key)).json();
    expect(view).toMatchObject({
      money: { spent: 0, wasted: 0, budgetLeft: null },
      backends: [
        {
          backend: 'm',
          theta: 0.5,
          forecasts: [],
          endpoints: [
            {
              ...{ endpoint: 'gpu', state: 'cold', canGoCold: true, releasable: false },
              ...{ wakes: [], coldStart: { ms: 5_000, observations: 0, samples: [] } },
              segments: [{ state: 'cold', to: null }],
            },
          ],
        },
      ],
    });
    for (const query of ['from=x', 'to=-1', 'from=1e9']) {
      expect((await ask(`/tenants/${name}/warmth?${query}`)).status).toBe(400);
    }
  });
});

function stubFetch(
  name: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  return ask(`/../../admin/tenants/${name}${path}`, undefined, {
    ...{ method, headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}
