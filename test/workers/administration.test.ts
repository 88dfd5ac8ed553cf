/** Changes of tenants that are refused, or that do not take effect at once. */
import { createExecutionContext, env } from 'cloudflare:test';
import { exports } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { app } from '../../src/app.ts';

const ADMIN = { authorization: 'Bearer test-admin', 'content-type': 'application/json' };
const BACKENDS = { m: { endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } };

function request(method: string, path: string, body?: object): Request {
  const text = body && JSON.stringify(body);
  return new Request(`http://talaria.test/admin/tenants/${path}`, {
    method,
    headers: ADMIN,
    ...(text === undefined ? {} : { body: text }),
  });
}

const ask = (method: string, path: string, body?: object) =>
  exports.default.fetch(request(method, path, body));

describe('a key more than a tenant may have', () => {
  it('is refused, and changes nothing', async () => {
    const name = `t-${crypto.randomUUID()}`;
    const keys = Array.from({ length: 1_000 }, (_, i) => ({
      id: `key_${i}`,
      sha256: i.toString(16).padStart(64, '0'),
    }));
    expect((await ask('PUT', name, { backends: BACKENDS, keys })).status).toBe(201);
    const before = await (await ask('GET', name)).json();
    const refused = await ask('POST', `${name}/keys`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { param: 'keys' } });
    expect(await (await ask('GET', name)).json()).toEqual(before);
    expect((await ask('DELETE', `${name}/keys/key_7`)).status).toBe(204);
    expect((await ask('POST', `${name}/keys`)).status).toBe(201);
  });
});

describe('a tenant whose deletion fails midway', () => {
  it.each(['IDEMPOTENCY', 'JOBS', 'TENANT'] as const)(
    'at %s can be deleted again',
    async (broken) => {
      const name = `t-${crypto.randomUUID()}`;
      expect((await ask('PUT', name, { backends: BACKENDS })).status).toBe(201);
      vi.spyOn(console, 'error').mockImplementation(() => {});
      const failing = new Proxy(env[broken], {
        get: (namespace, property) => {
          if (property !== 'getByName') return Reflect.get(namespace, property).bind(namespace);
          return (id: string) =>
            new Proxy(namespace.getByName(id), {
              get: (stub, method) => {
                if (method !== 'destroy') return Reflect.get(stub, method);
                return () => Promise.reject(new Error('Durable Object storage is full'));
              },
            });
        },
      });
      const withFault = { ...env, [broken]: failing } as Env;
      const told = await app.fetch(request('DELETE', name), withFault, createExecutionContext());
      expect(told.status).toBeGreaterThanOrEqual(500);
      expect((await ask('DELETE', name)).status).toBe(204);
      expect((await ask('DELETE', name)).status).toBe(404);
      vi.restoreAllMocks();
    },
  );
});
