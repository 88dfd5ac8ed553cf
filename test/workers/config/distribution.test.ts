/** The configuration in KV is correct when concurrent changes overtake each other. */
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { distribute, distributeNewest } from '../../../src/config/distribution.ts';
import { parseDocument } from '../../../src/config/store.ts';
import { sha256Hex } from '../../../src/http/sha256.ts';
import { PATIENT } from '../../patience.ts';

const CONFIG = { backends: { m: { endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } } };

afterEach(() => {
  vi.useRealTimers();
});

async function newTenant() {
  const name = `t-${crypto.randomUUID()}`;
  const stub = env.TENANT.getByName(name);
  const first = parseDocument(await stub.putConfig(JSON.stringify(CONFIG)));
  return { name, stub, first };
}

/** KV in which writes of the tenant's document take as long as the test wants. */
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

    // The second change waits at KV until the third has been written.
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

  it('restores nothing of a tenant that was deleted meanwhile', async () => {
    const { name, stub, first } = await newTenant();
    const sha256 = await sha256Hex(`key of ${name}`);
    const second = parseDocument((await stub.addKey({ id: 'k', sha256 })) ?? '');
    await stub.destroy();
    await distributeNewest(env as Env, name, second, first);
    expect(await env.TENANTS.get(`tenant:${name}`)).toBeNull();
    expect(await env.TENANTS.get(`key:${sha256}`)).toBeNull();
  });
});

describe('what is written to KV', () => {
  /**
   * KV that accepts one write of each key before the pause, as the platform does within a second.
   */
  function busyKv() {
    const written: string[] = [];
    const turnedAway: string[] = [];
    const busy = new Set<string>();
    const kv = new Proxy(env.TENANTS, {
      get: (target, name) => {
        if (name !== 'put') return Reflect.get(target, name).bind(target);
        return async (key: string, value: string) => {
          if (busy.has(key)) {
            turnedAway.push(key);
            throw new Error('KV PUT failed: 429 Too Many Requests');
          }
          busy.add(key);
          written.push(key);
          await target.put(key, value);
        };
      },
    });
    return { kv, written, turnedAway, rest: () => busy.clear() };
  }

  const keyOf = async (id: string) => ({ id, sha256: await sha256Hex(`${id} ${Math.random()}`) });
  const documentOf = (version: number, keys: object[]) => ({
    version,
    config: { ...CONFIG, keys },
  });

  it('waits where a key was written a moment ago', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const name = `t-${crypto.randomUUID()}`;
    const { kv, turnedAway, rest } = busyKv();
    const [first, second] = [documentOf(1, []), documentOf(2, [])];
    await distribute(kv, name, first, undefined);
    const done = distribute(kv, name, second, first);
    await vi.waitUntil(() => turnedAway.length === 1, PATIENT);
    rest();
    await vi.waitUntil(() => vi.getTimerCount() === 1, PATIENT);
    vi.advanceTimersByTime(1_100);
    await done;
    expect(await env.TENANTS.get(`tenant:${name}`, 'json')).toEqual(second);
  });

  it('is what has changed, and what an earlier change failed to write', async () => {
    const name = `t-${crypto.randomUUID()}`;
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(keyOf));
    const { kv, written, rest } = busyKv();
    const before = documentOf(1, [a as object, b as object]);
    await distribute(kv, name, before, undefined);
    await env.TENANTS.delete(`key:${b?.sha256}`);
    rest();
    written.length = 0;
    await distribute(kv, name, documentOf(2, [a, b, c] as object[]), before);
    expect(written).toEqual([`key:${b?.sha256}`, `key:${c?.sha256}`, `tenant:${name}`]);
    for (const key of [a, b, c]) {
      expect(await env.TENANTS.get(`key:${key?.sha256}`, 'json')).toEqual({
        tenant: name,
        keyId: key?.id,
      });
    }
  });

  it('is everything where KV cannot be read', async () => {
    const name = `t-${crypto.randomUUID()}`;
    const key = await keyOf('a');
    const written: string[] = [];
    const unreadable = {
      get: () => Promise.reject(new Error('KV GET failed: 500')),
      put: async (entry: string) => void written.push(entry),
    };
    const [before, after] = [documentOf(1, [key]), documentOf(2, [key])];
    await distribute(unreadable as never, name, after, before);
    expect(written).toEqual([`key:${key.sha256}`, `tenant:${name}`]);
  });

  it('is refused where KV fails otherwise', async () => {
    const broken = new Proxy(env.TENANTS, {
      get: (target, name) => {
        if (name !== 'put') return Reflect.get(target, name).bind(target);
        return async () => {
          throw new Error('KV PUT failed: 500 Internal Server Error');
        };
      },
    });
    const document = documentOf(1, []);
    await expect(distribute(broken, 'broken', document, undefined)).rejects.toThrow('500');
  });
});
