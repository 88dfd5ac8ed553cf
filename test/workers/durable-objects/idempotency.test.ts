/** A shard of stored answers inside workerd: which call holds a key, and what ends that. */
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Claim, ClaimResult, StoredAnswer } from '../../../src/protocol/idempotency.ts';
import { PATIENT } from '../../patience.ts';
import { BODY, CHAT, JobsBench } from './jobs/jobs-bench.ts';

const ANSWER: StoredAnswer = {
  status: 200,
  headers: [],
  body: Uint8Array.from(new TextEncoder().encode('{"n":1}')),
};

function newShard() {
  const name = `t-${crypto.randomUUID()}/0`;
  const shard = () => env.IDEMPOTENCY.getByName(name);
  let owners = 0;
  const claim = (fields: Partial<Claim> = {}): Claim => {
    owners += 1;
    return {
      key: 'k',
      print: 'p',
      owner: `o${owners}`,
      lifetimeMs: 60_000,
      shardBytes: 10_000,
      ...fields,
    };
  };
  const begin = async (c: Claim) => (await shard().begin(c)) as unknown as ClaimResult;
  const rows = () =>
    runInDurableObject(shard(), (_object, state) =>
      Number(state.storage.sql.exec('SELECT COUNT(*) AS n FROM answers').one().n),
    );
  return { shard, claim, begin, rows };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('a claim', () => {
  it('is held by one call, which gets it as fresh again if it asks again', async () => {
    const { claim, begin } = newShard();
    const first = claim();
    expect((await begin(first)).status).toBe('fresh');
    expect((await begin(claim())).status).toBe('in-progress');
    expect((await begin(first)).status).toBe('fresh');
  });

  it('ends when its Worker does, but not by a hold that was lost before', async () => {
    const { claim, begin } = newShard();
    const first = claim();
    const lost = await begin(first);
    const again = await begin(first);
    if (lost.status !== 'fresh' || again.status !== 'fresh') throw new Error('not fresh');
    lost.hold[Symbol.dispose]?.();
    expect((await begin(claim())).status).toBe('in-progress');
    again.hold[Symbol.dispose]?.();
    await vi.waitUntil(async () => (await begin(claim())).status === 'fresh', PATIENT);
  });

  it('ends by its expiry if no Worker is left to end it', async () => {
    const { claim, begin } = newShard();
    await begin(claim());
    await abortAllDurableObjects();
    expect((await begin(claim())).status).toBe('in-progress');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 });
    expect((await begin(claim())).status).toBe('fresh');
  });

  it('lives on over a restart while its Worker renews it, and then keeps its answer', async () => {
    const { shard, claim, begin } = newShard();
    const first = claim();
    await begin(first);
    await abortAllDurableObjects();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25_000 });
    await shard().renew(first);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25_000 });
    expect((await begin(claim())).status).toBe('in-progress');
    await shard().finish(first, ANSWER);
    const replay = await begin(claim());
    if (replay.status !== 'replay') throw new Error(replay.status);
    expect(new TextDecoder().decode(replay.answer.body)).toBe('{"n":1}');
  });

  it('that another has taken over cannot store an answer', async () => {
    const { shard, claim, begin } = newShard();
    const late = claim();
    await begin(late);
    await shard().free(late);
    await begin(claim());
    await shard().finish(late, ANSWER);
    expect((await begin(claim())).status).toBe('in-progress');
  });
});

describe('a stored answer', () => {
  it('is forgotten after its lifetime, by the alarm', async () => {
    const { shard, claim, begin, rows } = newShard();
    const first = claim({ lifetimeMs: 1_000 });
    await begin(first);
    await shard().finish(first, ANSWER);
    expect(await rows()).toBe(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_001 });
    await runDurableObjectAlarm(shard());
    expect(await rows()).toBe(0);
  });

  it('makes room for newer ones', async () => {
    const { shard, claim, begin, rows } = newShard();
    for (let i = 0; i < 10; i += 1) {
      const one = claim({ key: `k${i}`, shardBytes: 1_000 });
      await begin(one);
      await shard().finish(one, { ...ANSWER, body: new Uint8Array(100) });
    }
    expect(await rows()).toBe(2);
    expect((await begin(claim({ key: 'k9' }))).status).toBe('replay');
  });

  it('of a key makes room for its own newer ones, and not for those of another key', async () => {
    const { shard, claim, begin } = newShard();
    const keep = async (key: string, keyHash: string) => {
      const one = claim({ key, keyHash, shardBytes: 3_000 });
      await begin(one);
      await shard().finish(one, { ...ANSWER, body: new Uint8Array(100) });
    };
    await keep('B', 'b');
    for (let i = 0; i < 20; i += 1) await keep(`A${i}`, 'a');
    const status = async (key: string, keyHash: string) =>
      (await begin(claim({ key, keyHash }))).status;
    expect(await status('B', 'b')).toBe('replay');
    expect([await status('A0', 'a'), await status('A19', 'a')]).toEqual(['fresh', 'replay']);
  });
});

describe('a key that was replaced under its id', () => {
  it('has neither answers nor claims for its successor', async () => {
    const { shard, claim, begin } = newShard();
    const old = claim({ keyHash: 'old' });
    await begin(old);
    const next = claim({ keyHash: 'new', print: 'other' });
    expect((await begin(next)).status).toBe('fresh');
    // A late answer of the old call does not replace the new call's.
    await shard().finish(old, ANSWER);
    expect((await begin(claim({ keyHash: 'new', print: 'other' }))).status).toBe('in-progress');
    await shard().finish(next, ANSWER);
    expect((await begin(claim({ keyHash: 'new', print: 'other' }))).status).toBe('replay');
    expect((await begin(claim({ keyHash: 'old' }))).status).toBe('fresh');
  });
});

describe('a claim of a call with a long URL', () => {
  it('has its hash, tells other URLs apart, and replays the answer', async () => {
    const bench = await JobsBench.start();
    let n = 0;
    bench.answer = () => {
      n += 1;
      return Response.json({ n, choices: [] });
    };
    const long = `${CHAT}?x=${'y'.repeat(6_000)}`;
    const call = (path: string) => bench.fetch('POST', path, BODY, { 'idempotency-key': 'k' });
    expect([(await call(long)).json.n, (await call(long)).json.n]).toEqual([1, 1]);
    expect((await call(`${long}z`)).status).toBe(409);
    const longest = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        runInDurableObject(
          env.IDEMPOTENCY.getByName(`${bench.tenant}/${i.toString(16)}`),
          (_object, { storage }) =>
            Number(storage.sql.exec('SELECT MAX(LENGTH(print)) AS n FROM answers').one().n ?? 0),
        ),
      ),
    );
    expect(Math.max(...longest)).toBe(129);
  });
});
