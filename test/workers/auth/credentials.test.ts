/**
 * Endpoints' keys: sealed when they are configured, opened when they are used, each in its own
 * place only.
 */
import { runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { acceptConfig } from '../../../src/auth/incoming-config.ts';
import { type SealedFor, seal, unseal } from '../../../src/auth/sealed-key.ts';
import { parseTenantConfig } from '../../../src/config/parse.ts';

const keyOf = (byte: number) => btoa(String.fromCharCode(...new Uint8Array(32).fill(byte)));
const [OLD, NEW] = [keyOf(1), keyOf(2)];
const PLACE: SealedFor = { tenant: 'acme', backend: 'm', url: 'https://gpu.example.com/v1' };
const CANARY = 'sk-canary-4f1d0c';
const ADMIN = { authorization: 'Bearer test-admin' };

afterEach(() => vi.restoreAllMocks());

describe('a sealed key', () => {
  it('opens in the place for which it was sealed, and is different each time', async () => {
    const one = await seal(OLD, CANARY, PLACE);
    const two = await seal(OLD, CANARY, PLACE);
    expect(one).not.toBe(two);
    expect(one).not.toContain(CANARY);
    for (const sealed of [one, two]) expect(await unseal(OLD, sealed ?? '', PLACE)).toBe(CANARY);
  });

  it.each<[string, Partial<SealedFor>]>([
    ['tenant', { tenant: 'other' }],
    ['backend', { backend: 'n' }],
    ['host', { url: 'https://evil.example.com/v1' }],
    ['port', { url: 'https://gpu.example.com:8443/v1' }],
    ['host to ask how it stands', { statusUrl: 'https://evil.example.com/' }],
  ])('does not open for another %s', async (_what, other) => {
    const sealed = (await seal(OLD, CANARY, PLACE)) ?? '';
    expect(await unseal(OLD, sealed, { ...PLACE, ...other })).toBeUndefined();
    expect(await unseal(OLD, sealed, { ...PLACE, url: `${PLACE.url}/beta` })).toBe(CANARY);
  });

  it('does not open where a single character was changed, or under another master key', async () => {
    const sealed = (await seal(OLD, CANARY, PLACE)) ?? '';
    const parts = sealed.split('.');
    const text = parts[2] ?? '';
    for (const at of [0, 8, 20, text.length - 2]) {
      const other = text[at] === 'A' ? 'B' : 'A';
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      const moved = [parts[0], parts[1], changed].join('.');
      expect(await unseal(OLD, moved, PLACE)).toBeUndefined();
    }
    for (const broken of ['', 'v1', 'v2.x.y', `v1.${parts[1]}.`, `v1.${parts[1]}.%%%`]) {
      expect(await unseal(OLD, broken, PLACE)).toBeUndefined();
    }
    expect(await unseal(NEW, sealed, PLACE)).toBeUndefined();
    expect(await unseal(undefined, sealed, PLACE)).toBeUndefined();
  });

  it('survives a change of master keys, and is sealed anew by the next PUT', async () => {
    const sealed = (await seal(OLD, CANARY, PLACE)) ?? '';
    expect(await unseal(`${NEW}, ${OLD}`, sealed, PLACE)).toBe(CANARY);
    const endpoints = [{ url: PLACE.url, auth: { sealed } }];
    const both = { ...env, MASTER_KEY: `${NEW},${OLD}` };
    const taken = await acceptConfig({ backends: { m: { endpoints } } }, 'acme', both);
    const fresh = taken.ok ? JSON.parse(taken.text).backends.m.endpoints[0].auth.sealed : '';
    expect(await unseal(NEW, fresh, PLACE)).toBe(CANARY);
    expect(await unseal(OLD, fresh, PLACE)).toBeUndefined();
    const again = await acceptConfig(JSON.parse(taken.ok ? taken.text : ''), 'acme', both);
    // A value sealed with the newest master key stays as it is.
    expect(again).toEqual(taken);
  });

  it.each(['short', '', btoa('sixteen bytes...'), '%%%'])(
    'needs a master key of 32 bytes: not %j',
    async (masterKey) => {
      const told = vi.spyOn(console, 'error').mockImplementation(() => {});
      expect(await seal(masterKey, CANARY, PLACE)).toBeUndefined();
      if (masterKey !== '') expect(JSON.stringify(told.mock.calls)).not.toContain(masterKey);
    },
  );
});

describe('a configuration with a key in it', () => {
  const endpoint = { name: 'gpu', url: 'https://gpu.example.com/v1', slots: 2 };
  const withAuth = (auth: object, more: object = {}) => ({
    backends: { m: { models: ['m'], endpoints: [{ ...endpoint, ...more, auth }] } },
  });

  async function admin(method: string, path: string, body?: unknown) {
    const answer = await exports.default.fetch(
      new Request(`http://talaria.test/admin/tenants/${path}`, {
        method,
        headers: ADMIN,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await answer.text();
    expect(text).not.toContain(CANARY);
    return { status: answer.status, text, json: JSON.parse(text || 'null') };
  }

  it('is stored sealed and never given back, and its key reaches its endpoint', async () => {
    const tenant = `t-${crypto.randomUUID()}`;
    const put = await admin(
      'PUT',
      tenant,
      withAuth({ value: CANARY, header: 'x-api-key', scheme: '' }),
    );
    expect(put.status).toBe(201);
    const got = await admin('GET', tenant);
    expect(got.json.config.backends.m.endpoints[0].auth).toEqual({
      header: 'x-api-key',
      scheme: '',
      sealed: expect.stringMatching(/^v1\.[\w-]{8}\.[\w-]+$/),
    });
    expect(await env.TENANTS.get(`tenant:${tenant}`)).not.toContain(CANARY);
    const rows = await runInDurableObject(env.TENANT.getByName(tenant), (_o, { storage }) =>
      JSON.stringify([...storage.sql.exec('SELECT * FROM document')]),
    );
    expect(rows).toContain('sealed');
    expect(rows).not.toContain(CANARY);
    const exported = await exports.default.fetch(
      new Request(`http://talaria.test/admin/tenants/${tenant}/export`, { headers: ADMIN }),
    );
    const text = await exported.text();
    expect(text).not.toContain('v1.');
    expect(JSON.parse(text).config.backends.m.endpoints[0].auth.value).toBeNull();

    const { key } = (await admin('POST', `${tenant}/keys`)).json;
    const sent: Request[] = [];
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      sent.push(new Request(input as Request, init as RequestInit));
      return Response.json({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
    });
    for (const path of ['chat/completions', 'messages/count_tokens']) {
      const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], max_tokens: 1 };
      const answer = await exports.default.fetch(
        new Request(`http://talaria.test/v1/${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}`, 'x-api-key': 'the-clients-own' },
          body: JSON.stringify(body),
        }),
      );
      expect(answer.status).toBe(200);
      await answer.text();
    }
    expect(sent.map((r) => r.headers.get('x-api-key'))).toEqual([CANARY, CANARY]);
    expect(sent.map((r) => r.headers.get('authorization'))).toEqual([null, null]);
  });

  it('may be stored as it was read; its key does not follow it to another host', async () => {
    const tenant = `t-${crypto.randomUUID()}`;
    await admin('PUT', tenant, withAuth({ value: CANARY }));
    const { config } = (await admin('GET', tenant)).json;
    expect((await admin('PUT', tenant, config)).status).toBe(200);
    const { sealed } = config.backends.m.endpoints[0].auth;
    const moved = await admin(
      'PUT',
      tenant,
      withAuth({ sealed }, { url: 'https://evil.example.com' }),
    );
    expect(moved.status).toBe(400);
    expect(moved.json.error.param).toBe('backends.m.endpoints[0].auth.sealed');
    const other = await admin('PUT', `t-${crypto.randomUUID()}`, withAuth({ sealed }));
    expect(other.json.error.param).toBe('backends.m.endpoints[0].auth.sealed');
  });

  it('gets its keys back from its own tenant on import, and asks for them elsewhere', async () => {
    const tenant = `t-${crypto.randomUUID()}`;
    await admin('PUT', tenant, withAuth({ value: CANARY }));
    const request = (method: string, path: string, body?: string) =>
      exports.default.fetch(
        new Request(`http://talaria.test/admin/tenants/${path}`, {
          method,
          headers: ADMIN,
          ...(body === undefined ? {} : { body }),
        }),
      );
    const exported = await (await request('GET', `${tenant}/export`)).text();
    const back = await request('POST', `${tenant}/import?config=replace`, exported);
    expect(await back.json()).toMatchObject({ config: 'replaced' });
    const { auth } = (await admin('GET', tenant)).json.config.backends.m.endpoints[0];
    expect(await unseal((env as Env).MASTER_KEY, auth.sealed, { ...PLACE, tenant })).toBe(CANARY);
    const fresh = await request('POST', `t-${crypto.randomUUID()}/import`, exported);
    expect([fresh.status, await fresh.json()]).toMatchObject([
      400,
      { error: { param: 'backends.m.endpoints[0].auth.value' } },
    ]);
    const given = exported.replace('"value":null', `"value":"${CANARY}"`);
    expect((await request('POST', `t-${crypto.randomUUID()}/import`, given)).status).toBe(201);
  });

  it.each([
    ['no key at all', {}, 'auth'],
    ['two keys', { value: CANARY, secret: 'GPU_KEY' }, 'auth'],
    ['a key that ends the header', { value: `${CANARY}\r\nx-injected: 1` }, 'auth.value'],
    ['an empty key', { value: '' }, 'auth.value'],
    ['an endless key', { value: CANARY.repeat(1_000) }, 'auth.value'],
    ['a key that is no text', { value: { toString: CANARY } }, 'auth.value'],
    ["the administrator's token", { secret: 'ADMIN_TOKEN' }, 'auth.secret'],
    ["the administrator's next token", { secret: 'ADMIN_TOKEN_NEXT' }, 'auth.secret'],
    ['the master key', { secret: 'MASTER_KEY' }, 'auth.secret'],
    ['another variable', { secret: 'ENVIRONMENT' }, 'auth.secret'],
    ['a name of no secret', { secret: '__proto__' }, 'auth.secret'],
    ['what was never sealed', { sealed: 'v1.abcdefgh.AAAA' }, 'auth.sealed'],
  ])('is refused with %s, and the key is not in the answer', async (_what, auth, param) => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {});
    const refused = await admin('PUT', `t-${crypto.randomUUID()}`, withAuth(auth));
    expect(refused.status).toBe(400);
    expect(refused.json.error.param).toBe(`backends.m.endpoints[0].${param}`);
    expect(JSON.stringify(told.mock.calls)).not.toContain(CANARY);
  });

  it('is refused where there is no master key, and where it is read from storage', async () => {
    const { MASTER_KEY: _, ...rest } = env as Env;
    const taken = await acceptConfig(withAuth({ value: CANARY }), 'acme', rest);
    expect(taken).toMatchObject({
      ok: false,
      problems: [{ param: 'backends.m.endpoints[0].auth.value' }],
    });
    const stored = parseTenantConfig(withAuth({ value: CANARY }), { development: true });
    expect(stored).toMatchObject({
      ok: false,
      problems: [{ param: 'backends.m.endpoints[0].auth.value' }],
    });
    expect(JSON.stringify([taken, stored])).not.toContain(CANARY);
  });

  it('whose key cannot be opened gives a configuration error, and no call without the key', async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {});
    const called = vi.spyOn(globalThis, 'fetch');
    const tenant = `t-${crypto.randomUUID()}`;
    await admin('PUT', tenant, withAuth({ secret: 'GPU_KEY' }));
    const { key } = (await admin('POST', `${tenant}/keys`)).json;
    // Sealed with a master key that no longer exists, and written past the admin API, as someone
    // with access to the storage could.
    const sealed = (await seal(OLD, CANARY, { ...PLACE, tenant })) ?? '';
    const stub = env.TENANT.getByName(tenant);
    await stub.putConfig(JSON.stringify(withAuth({ sealed })));
    const answer = await exports.default.fetch(
      new Request('http://talaria.test/v1/chat/completions', {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] }),
      }),
    );
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'tenant_misconfigured' } },
    ]);
    expect(called).not.toHaveBeenCalled();
    expect(JSON.stringify(told.mock.calls)).toContain('secret_missing');
    const status = JSON.parse((await stub.view('status')) ?? '{}');
    expect(status.backends.m).toMatchObject({ running: 0, waiting: 0 });
  });
});
