/** How a configuration gets to KV when changes overtake each other on their way. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/auth.ts';
import { distributeNewest, parseDocument } from '../../src/config/store.ts';

const CONFIG = { backends: { m: { endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } } };

async function newTenant() {
  const name = `t-${crypto.randomUUID()}`;
  const stub = env.TENANT.getByName(name);
  const first = parseDocument(await stub.putConfig(JSON.stringify(CONFIG)));
  return { name, stub, first };
}

/** KV whose writes of the tenant's document take as long as the test wants. */
function slowKv(onWrite: (key: string) => Promise<void>): Env {
  const TENANTS = new Proxy(env.TENANTS, {
    get: (kv, name) => {
      if (name !== 'put') return Reflect.get(kv, name).bind(kv);
      return async (key: string, value: string) => {
        await onWrite(key);
        await kv.put(key, value);
      };
    },
  });
  return { ...(env as Env), TENANTS };
}

describe('a change that was overtaken', () => {
  it('leaves the newest document in KV, and no key that is gone', async () => {
    const { name, stub, first } = await newTenant();
    const sha256 = await sha256Hex(`key of ${name}`);
    const second = parseDocument((await stub.addKey({ id: 'k', sha256 })) ?? '');
    const third = parseDocument((await stub.removeKey('k')) ?? '');
    expect(third.version).toBeGreaterThan(second.version);

    // The second change waits at KV until the third has come and gone.
    const overtaken = Promise.withResolvers<void>();
    let isFirst = true;
    const late = distributeNewest(
      slowKv(async () => {
        if (isFirst) {
          isFirst = false;
          await overtaken.promise;
        }
      }),
      name,
      second,
      first,
    );
    await distributeNewest(env as Env, name, third, second);
    overtaken.resolve();
    await late;

    expect(await env.TENANTS.get(`tenant:${name}`, 'json')).toEqual(third);
    expect(await env.TENANTS.get(`key:${sha256}`)).toBeNull();
  });

  it('brings nothing back of a tenant that was deleted meanwhile', async () => {
    const { name, stub, first } = await newTenant();
    const sha256 = await sha256Hex(`key of ${name}`);
    const second = parseDocument((await stub.addKey({ id: 'k', sha256 })) ?? '');
    await stub.destroy();
    await distributeNewest(env as Env, name, second, first);
    expect(await env.TENANTS.get(`tenant:${name}`)).toBeNull();
    expect(await env.TENANTS.get(`key:${sha256}`)).toBeNull();
  });
});
