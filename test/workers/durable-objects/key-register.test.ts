/** The register of keys: who holds which hash, and when a claim that nobody uses may be taken over. */
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { distribute } from '../../../src/config/distribution.ts';
import { claimKeys, releaseKeys } from '../../../src/config/key-claims.ts';
import { parseDocument } from '../../../src/config/store.ts';
import { sha256Hex } from '../../../src/http/sha256.ts';

const CONFIG = { backends: { m: { endpoints: [{ url: 'http://127.0.0.1:9/v1' }] } } };
const SETTLED_MS = 600_001;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function names() {
  const id = crypto.randomUUID();
  const [x, y] = await Promise.all([sha256Hex(`x ${id}`), sha256Hex(`y ${id}`)]);
  return { a: `a-${id}`, b: `b-${id}`, x, y };
}

const claim = (tenant: string, ...hashes: string[]) => claimKeys(env as Env, tenant, hashes);
const release = (tenant: string, ...hashes: string[]) => releaseKeys(env as Env, tenant, hashes);

describe('a claim', () => {
  it('is the first one’s, and can be repeated', async () => {
    const { a, b, x } = await names();
    expect(await claim(a, x)).toEqual([]);
    expect(await claim(a, x)).toEqual([]);
    expect(await claim(b, x)).toEqual([x]);
    expect(await claim(b)).toEqual([]);
  });

  it('of two tenants at once is that of exactly one', async () => {
    const { a, b, x, y } = await names();
    const lost = await Promise.all([claim(a, x, y), claim(b, y, x)]);
    expect(lost.map((of) => of.length).sort()).toEqual([0, 2]);
  });

  it('is made for all hashes or for none', async () => {
    const { a, b, x, y } = await names();
    await claim(a, x);
    expect(await claim(b, x, y)).toEqual([x]);
    expect(await claim(a, y)).toEqual([]);
  });

  it('is given up by its tenant only', async () => {
    const { a, b, x } = await names();
    await claim(a, x);
    await release(b, x);
    expect(await claim(b, x)).toEqual([x]);
    await release(a, x);
    expect(await claim(b, x)).toEqual([]);
  });

  it('that no configuration uses is taken over, once its change must have been stored', async () => {
    const { a, b, x } = await names();
    vi.useFakeTimers({ toFake: ['Date'] });
    await claim(a, x);
    expect(await claim(b, x)).toEqual([x]);
    vi.setSystemTime(Date.now() + SETTLED_MS);
    expect(await claim(b, x)).toEqual([]);
    expect(await claim(a, x)).toEqual([x]);
  });

  it('that a configuration uses is never taken over', async () => {
    const { a, b, x } = await names();
    vi.useFakeTimers({ toFake: ['Date'] });
    await claim(a, x);
    await env.TENANT.getByName(a).putConfig(
      JSON.stringify({ ...CONFIG, keys: [{ id: 'k', sha256: x }] }),
    );
    vi.setSystemTime(Date.now() + SETTLED_MS);
    expect(await claim(b, x)).toEqual([x]);
  });
});

describe('a key in KV', () => {
  it('that is another tenant’s is neither deleted nor overwritten', async () => {
    const { a, b, x, y } = await names();
    const told = vi.spyOn(console, 'error').mockImplementation(() => {});
    const put = async (tenant: string, ...hashes: string[]) => {
      const keys = hashes.map((sha256, i) => ({ id: `${tenant[0]}${i}`, sha256 }));
      const config = JSON.stringify({ ...CONFIG, keys });
      return parseDocument(await env.TENANT.getByName(tenant).putConfig(config));
    };
    // As it could happen before there was a register: both have both keys.
    const both = await put(a, x, y);
    await distribute(env.TENANTS, a, both, undefined);
    await distribute(env.TENANTS, b, await put(b, x, y), undefined);
    const one = await put(a, y);
    await distribute(env.TENANTS, a, one, both);
    for (const sha256 of [x, y]) {
      expect(await env.TENANTS.get(`key:${sha256}`, 'json')).toMatchObject({ tenant: b });
    }
    expect(JSON.stringify(told.mock.calls)).toContain('key_of_another_tenant');
  });
});
