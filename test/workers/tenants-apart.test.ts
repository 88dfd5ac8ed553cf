/**
 * Access control on every route: without a key, with a wrong one, a revoked one, one of another
 * tenant, with a client's key on admin routes, and with the administrator's token on routes for
 * clients. The routes are those of the API's description, which contains all of the app's
 * (openapi.test.ts).
 */
import { env, exports } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MODEL_APIS } from '../../src/apis/model-apis.ts';
import { authenticateAdmin } from '../../src/auth/auth.ts';
import { sha256Hex } from '../../src/http/sha256.ts';
import { OPERATIONS, type Operation } from '../../src/openapi/operations.ts';

const ADMIN = 'test-admin';
/** A text in everything that belongs to the first tenant, and in nothing else. */
const CANARY = 'canary7f3a';
const [MINE, OTHERS] = [`t-${CANARY}`, `t-other-${crypto.randomUUID()}`];
const ENDPOINT_OF = {
  [MINE]: `http://127.0.0.1:9/${CANARY}/v1`,
  [OTHERS]: 'http://127.0.0.1:9/v1',
};
const keys = { mine: '', others: '', revoked: '' };
let callId = '';

function call(path: string, init: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(`http://talaria.test${path}`, init));
}

function admin(method: string, path: string, body?: object): Promise<Response> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  return call(`/admin/tenants/${path}`, { method, headers: bearer(ADMIN), ...text });
}

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

async function newKey(tenant: string): Promise<string> {
  return ((await (await admin('POST', `${tenant}/keys`)).json()) as { key: string }).key;
}

/** A path filled with ids of the first tenant. */
function filled(path: string): string {
  return path
    .replace('{tenant}', MINE)
    .replace('{backend}', `backend-${CANARY}`)
    .replace('{model}', `model-${CANARY}`)
    .replace('{run}', `run-${CANARY}`)
    .replace('/calls/{id}', `/calls/${callId}`)
    .replace(/\{\w+\}/g, 'x');
}

/** A body that the route accepts, for the first tenant's model. */
function bodyFor({ path, request }: Operation): { body?: BodyInit } {
  if (!request) return {};
  if ('multipart/form-data' in request && !('application/json' in request)) {
    const form = new FormData();
    form.set('model', `model-${CANARY}`);
    return { body: form };
  }
  if (path.endsWith('/events')) return { body: '{"type":"unit_begin","unit":"u"}' };
  const body = {
    model: `model-${CANARY}`,
    messages: [{ role: 'user', content: 'x' }],
    max_tokens: 1,
    prompt: 'x',
    input: 'x',
    query: 'x',
    documents: ['x'],
    voice: 'x',
  };
  return { body: JSON.stringify(body) };
}

async function ask(operation: Operation, headers: Record<string, string>) {
  const query = operation.path === '/metrics' ? `?tenant=${MINE}` : '';
  const answer = await call(filled(operation.path) + query, {
    method: operation.method.toUpperCase(),
    headers,
    ...bodyFor(operation),
  });
  return { status: answer.status, text: await answer.text(), headers: [...answer.headers] };
}

/** The complete state of the first tenant. */
async function stateOfMine(): Promise<string> {
  const stub = env.TENANT.getByName(MINE);
  const views = (['pdgraph', 'status'] as const).map((v) => stub.view(v));
  const runs = await new Response(await stub.runs()).text();
  return JSON.stringify([await stub.document(), runs, ...(await Promise.all(views))]);
}

beforeAll(async () => {
  for (const [tenant, url] of Object.entries(ENDPOINT_OF)) {
    const suffix = tenant === MINE ? CANARY : 'other';
    const backend = { models: [`model-${suffix}`], endpoints: [{ name: `gpu-${suffix}`, url }] };
    await admin('PUT', tenant, {
      // Long enough that no run ends by itself during the tests.
      runSilenceMs: 3_600_000,
      backends: { [`backend-${suffix}`]: backend },
    });
  }
  keys.mine = await newKey(MINE);
  keys.others = await newKey(OTHERS);
  keys.revoked = await newKey(MINE);
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () =>
    Response.json({
      choices: [],
      canary: CANARY,
      usage: { prompt_tokens: 1, completion_tokens: 1 },
    }),
  );
  const made = await call('/v1/chat/completions', {
    method: 'POST',
    headers: {
      ...bearer(keys.mine),
      'x-talaria-run': `run-${CANARY}`,
      'x-talaria-app': `app-${CANARY}`,
      'idempotency-key': 'the same for both',
    },
    body: JSON.stringify({
      model: `model-${CANARY}`,
      messages: [{ role: 'user', content: 'x' }],
    }),
  });
  callId = made.headers.get('x-talaria-call') ?? '';
  expect(await made.text()).toContain(CANARY);
  expect((await call(`/v1/calls/${callId}`, { headers: bearer(keys.mine) })).status).toBe(200);
  vi.restoreAllMocks();
});

afterEach(() => vi.restoreAllMocks());

const WITH_KEY = OPERATIONS.filter((o) => o.key !== undefined);
const OF_TENANTS = WITH_KEY.filter((o) => o.key !== 'admin');
const OF_ADMIN = WITH_KEY.filter((o) => o.key === 'admin');
/** The other kind of key, which an operation refuses; none where it takes both. */
type Wrong = [what: string, headers: () => Record<string, string>];
const OPEN = OPERATIONS.filter((o) => o.key === undefined);

it('covers all routes: every one under /v1 and /admin needs a key', () => {
  expect(OPEN.map((o) => o.path).sort()).toEqual(['/healthz', '/openapi.json', '/readyz']);
  expect(OF_TENANTS.length).toBeGreaterThan(30);
  expect(OF_ADMIN.length).toBeGreaterThan(10);
});

describe.each(WITH_KEY)('$method $path', (operation) => {
  const isAdmin = operation.key === 'admin';
  const ofOtherKind: Wrong = isAdmin
    ? ["a tenant's key", () => ({ ...bearer(keys.mine), 'x-api-key': ADMIN })]
    : ["the administrator's token", () => bearer(ADMIN)];
  const wrong: Wrong[] = [
    ['no key', () => ({})],
    ['a wrong key', () => bearer(`tal_${'0'.repeat(40)}`)],
    ['an empty key', () => ({ authorization: 'Bearer ' })],
    ['another scheme', () => ({ authorization: `Basic ${btoa(`x:${keys.mine}`)}` })],
    ['the hash of a key', () => bearer('0'.repeat(64))],
    ['a key and more', () => bearer(`${isAdmin ? ADMIN : keys.mine}x`)],
    ['an endless key', () => bearer('x'.repeat(10_000))],
    ...(operation.key === 'any' ? [] : [ofOtherKind]),
  ];

  it('is refused with anything but a valid key, and does nothing', async () => {
    const called = vi.spyOn(globalThis, 'fetch');
    const before = await stateOfMine();
    for (const [what, headers] of wrong) {
      const { status, text } = await ask(operation, headers());
      expect(status, what).toBe(401);
      // A HEAD answer has no body.
      if (operation.method !== 'head') {
        expect(JSON.parse(text).error.type, what).toBe('authentication_error');
      }
      expect(text, what).not.toContain(CANARY);
      expect(called, what).not.toHaveBeenCalled();
    }
    expect(await stateOfMine()).toBe(before);
  });
});

describe.each(OF_TENANTS)("$method $path with another tenant's key", (operation) => {
  it('shows nothing and changes nothing', async () => {
    const called = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({}));
    const before = await stateOfMine();
    const headers = { ...bearer(keys.others), 'idempotency-key': 'the same for both' };
    const { status, text, headers: answered } = await ask(operation, headers);
    // What the client itself sent may be in its answer, but only in the message of an error.
    const isError = status >= 400;
    if (isError) expect([400, 404]).toContain(status);
    else expect(text + JSON.stringify(answered)).not.toContain(CANARY);
    expect(called.mock.calls.map(([to]) => new Request(to as Request).url).join()).not.toContain(
      CANARY,
    );
    expect(await stateOfMine()).toBe(before);
  });
});

describe('a key that was revoked', () => {
  beforeAll(async () => {
    // Revoked in the tenant's object only, as while KV and the Workers' caches still have the key.
    const stub = env.TENANT.getByName(MINE);
    const hash = await sha256Hex(keys.revoked);
    expect(await call('/v1/models', { headers: bearer(keys.revoked) })).toMatchObject({
      status: 200,
    });
    const { config } = JSON.parse((await stub.document()) ?? '{}');
    const { id } = config.keys.find((k: { sha256: string }) => k.sha256 === hash);
    await stub.removeKey(id);
    expect(await env.TENANTS.get(`key:${hash}`)).toContain(id);
  });

  // Operations that answer 404 to everyone show nothing about access.
  const asking = OF_TENANTS.filter((o) => o.status !== 404);
  it.each(asking)('is refused at once: $method $path', async (operation) => {
    const called = vi.spyOn(globalThis, 'fetch');
    const before = await stateOfMine();
    const { status, text } = await ask(operation, bearer(keys.revoked));
    expect(status).toBe(401);
    if (operation.method !== 'head') {
      expect(JSON.parse(text).error.type).toBe('authentication_error');
    }
    expect(called).not.toHaveBeenCalled();
    expect(await stateOfMine()).toBe(before);
  });

  it('gets no answer that was stored for it', async () => {
    const key = await newKey(MINE);
    const once = () =>
      call(`/v1${MODEL_APIS.chat.path}`, {
        method: 'POST',
        headers: { ...bearer(key), 'idempotency-key': 'k' },
        body: JSON.stringify({
          model: `model-${CANARY}`,
          messages: [{ role: 'user', content: 'x' }],
        }),
      });
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json({ choices: [] }));
    expect(await (await once()).text()).toContain('choices');
    expect((await once()).headers.get('idempotent-replayed')).toBe('true');
    const stub = env.TENANT.getByName(MINE);
    const hash = await sha256Hex(key);
    const { config } = JSON.parse((await stub.document()) ?? '{}');
    await stub.removeKey(config.keys.find((k: { sha256: string }) => k.sha256 === hash).id);
    const after = await once();
    expect([after.status, after.headers.get('idempotent-replayed')]).toEqual([401, null]);
  });

  it('is refused also if its id has a new key', async () => {
    const key = await newKey(MINE);
    const stub = env.TENANT.getByName(MINE);
    const { config } = JSON.parse((await stub.document()) ?? '{}');
    const hash = await sha256Hex(key);
    const others = config.keys.filter((k: { sha256: string }) => k.sha256 !== hash);
    const { id } = config.keys.find((k: { sha256: string }) => k.sha256 === hash);
    const next = [...others, { id, sha256: await sha256Hex('the next') }];
    expect((await call('/v1/models', { headers: bearer(key) })).status).toBe(200);
    await stub.putConfig(JSON.stringify({ ...config, keys: next }));
    expect((await call('/v1/models', { headers: bearer(key) })).status).toBe(401);
  });
});

describe("a client's key", () => {
  it('cannot be made that of another tenant, by a PUT or by an import', async () => {
    const sha256 = await sha256Hex(keys.mine);
    const stub = env.TENANT.getByName(OTHERS);
    const { config } = JSON.parse((await stub.document()) ?? '{}');
    const stolen = { ...config, keys: [...config.keys, { id: 'stolen', sha256 }] };
    const put = await admin('PUT', OTHERS, stolen);
    expect([put.status, await put.json()]).toMatchObject([
      400,
      { error: { param: 'keys[1].sha256' } },
    ]);
    const brought = await call(`/admin/tenants/${OTHERS}/import?config=replace`, {
      method: 'POST',
      headers: bearer(ADMIN),
      body: JSON.stringify({ talaria_export: 1, config: stolen }),
    });
    expect(brought.status).toBe(200);
    expect(JSON.parse((await stub.document()) ?? '{}').config.keys).toEqual(config.keys);
    expect(await env.TENANTS.get(`key:${sha256}`, 'json')).toMatchObject({ tenant: MINE });
  });
});

describe("the administrator's tokens", () => {
  const get = (token: string) => call(`/admin/tenants/${MINE}`, { headers: bearer(token) });

  it('give no access if none is configured', async () => {
    for (const none of [undefined, '', ' , ']) {
      for (const token of ['', ' ', ',', 'undefined', 'null']) {
        const headers = new Headers(bearer(token));
        expect((await authenticateAdmin(headers, none)).ok).toBe(false);
      }
    }
  });

  it('may be several at a time: the old one and the next', async () => {
    expect((await get('test-admin')).status).toBe(200);
    expect((await get('test-admin-next')).status).toBe(200);
  });

  it.each([
    'test-admin,',
    'test-admin, test-admin-next',
    'test',
    ',',
    'test-admin-nex',
    'undefined',
  ])('must match completely: not %j', async (token) => {
    expect((await get(token)).status).toBe(401);
  });
});

describe('a route that needs no key', () => {
  it.each(OPEN)('shows nothing of a tenant: $path', async (operation) => {
    const { status, text } = await ask(operation, {});
    expect(status).toBe(200);
    expect(text).not.toContain(CANARY);
  });
});
