/**
 * Bursts of calls that borrow slots, on bare workerd: the endpoint counts its calls, and never has more
 * than slots; whoever looks or waits right after finds every call and gets its slot, whatever dies,
 * fails or leaves meanwhile.
 */
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { CountingEndpoint } from './counting-endpoint.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';
import { type Outcome, patientCall } from './patient-client.ts';

const SLOTS = 16;
const LEASE_MS = 6_000;

let dispatcher: Dispatcher;
let gpu: CountingEndpoint;
let tenants = 0;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  gpu = await new CountingEndpoint().start();
});

afterAll(async () => {
  await dispatcher.close();
  await gpu.close();
});

afterEach(() => {
  expect(gpu.maxRunning).toBeLessThanOrEqual(SLOTS);
  expect(gpu.doubled).toEqual([]);
  gpu.takesMs = 20;
  gpu.failed = 0;
});

const url = () => dispatcher.workerd.url;

async function newTenant(): Promise<{ name: string; key: string }> {
  tenants += 1;
  const name = `lent-${tenants}`;
  const backends = { m: { models: ['m'], endpoints: [{ url: gpu.url, slots: SLOTS }] } };
  return { name, key: await dispatcher.tenant(name, { leaseMs: LEASE_MS, backends }) };
}

function call(key: string, name: string, run = name): Promise<Outcome> {
  return patientCall(url, key, name, { 'x-talaria-app': 'lent', 'x-talaria-run': run });
}

/** `width` clients that call one after the other: with 8 calls in 250 ms they begin to borrow. */
async function burst(key: string, name: string, width = 4, each = 20): Promise<Outcome[]> {
  const client = async (c: number) => {
    const outcomes: Outcome[] = [];
    for (let i = 0; i < each; i += 1) outcomes.push(await call(key, `${name}-${c}-${i}`));
    return outcomes;
  };
  return (await Promise.all(Array.from({ length: width }, (_, c) => client(c)))).flat();
}

/** Calls by outcome, of the metrics of the key's tenant. */
async function counted(key: string): Promise<Record<string, number>> {
  const answer = await fetch(`${url()}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const sums: Record<string, number> = {};
  for (const line of (await answer.text()).split('\n')) {
    if (!line.startsWith('talaria_calls_total{')) continue;
    const outcome = /outcome="([^"]*)"/.exec(line)?.[1] ?? '';
    sums[outcome] = (sums[outcome] ?? 0) + Number(line.split(' ').at(-1));
  }
  return sums;
}

/** The log's entry of the last of a few calls that run beside each other. */
async function entryOfLast(key: string, name: string) {
  const headers = { authorization: `Bearer ${key}`, 'x-talaria-run': `${name}-last` };
  const messages = [{ role: 'user', content: `${name}-last` }];
  const body = JSON.stringify({ model: 'm', messages, max_tokens: 5 });
  const answer = await fetch(`${url()}/v1/chat/completions`, { method: 'POST', headers, body });
  await answer.text();
  const id = answer.headers.get('x-talaria-call');
  const entry = await fetch(`${url()}/v1/calls/${id}`, { headers });
  return { status: entry.status, entry: (await entry.json()) as Record<string, unknown> };
}

/** Slots that all tenants have lent, as they are stored. */
async function lent(): Promise<number> {
  const folder = join(dispatcher.stateDir, 'objects/tenant');
  const copy = await mkdtemp(join(tmpdir(), 'talaria-lent-'));
  const names = (await readdir(folder)).filter((name) =>
    /^[0-9a-f]{64}\.sqlite(-wal)?$/.test(name),
  );
  for (const name of names) await copyFile(join(folder, name), join(copy, name));
  let slots = 0;
  for (const name of names.filter((n) => n.endsWith('.sqlite'))) {
    const database = new DatabaseSync(join(copy, name));
    const stored = database.prepare("SELECT name FROM sqlite_master WHERE name = 'loans'").get();
    if (stored) {
      slots += Number(database.prepare('SELECT SUM(slots) AS n FROM loans').get()?.n ?? 0);
    }
    database.close();
  }
  await rm(copy, { recursive: true });
  return slots;
}

async function idle(tenant: string): Promise<void> {
  await until(
    () => statusOf(url(), tenant),
    (s) => s.m?.running === 0 && s.m.waiting === 0,
  );
}

describe('a burst that borrows', () => {
  it('is all there for whoever looks right after', async () => {
    const { name, key } = await newTenant();
    const going = burst(key, name);
    await until(lent, (slots) => slots > 0);
    const outcomes = await going;
    expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
    expect((await statusOf(url(), name)).m).toMatchObject({ running: 0, waiting: 0 });
    expect(await counted(key)).toEqual({ ok: 80 });
    await burst(key, `${name}-b`, 4, 5);
    const { status, entry } = await entryOfLast(key, name);
    expect(status).toBe(200);
    expect(entry).toMatchObject({ state: 'ended', result: { outcome: 'ok', output_tokens: 5 } });
    const runs = await fetch(`${url()}/v1/runs/${name}-3-19/finish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
    });
    expect(runs.status).toBeLessThan(300);
    const stored = (await admin(url(), 'GET', `/tenants/${name}/runs`)).trim().split('\n');
    expect(stored.map((line) => JSON.parse(line))).toMatchObject([{ units: [{ calls: [{}] }] }]);
  });

  it('gives its slots up to clients that have to wait', async () => {
    const { name, key } = await newTenant();
    await burst(key, name);
    gpu.takesMs = 200;
    const borrowing = burst(key, `${name}-b`, 8, 6);
    const others = Array.from({ length: 40 }, (_, i) => call(key, `${name}-o-${i}`));
    const outcomes = (await Promise.all([borrowing, Promise.all(others)])).flat();
    expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
    await idle(name);
  });

  it('loses no slot to clients that leave', async () => {
    const { name, key } = await newTenant();
    await burst(key, name);
    gpu.takesMs = Infinity;
    const clients = Array.from({ length: 8 }, (_, i) => {
      const messages = [{ role: 'user', content: `${name}-leaves-${i}` }];
      return new RawClient(url(), key, { model: 'm', messages, max_tokens: 5 });
    });
    await until(
      () => gpu.running,
      (n) => n === 8,
    );
    for (const client of clients) client.reset();
    await until(
      () => gpu.running,
      (n) => n === 0,
    );
    gpu.takesMs = 20;
    await idle(name);
    const all = await Promise.all(
      Array.from({ length: SLOTS }, (_, i) => call(key, `${name}-then-${i}`)),
    );
    expect(all.every((o) => o.status === 200)).toBe(true);
  });

  it.each([500, 429, 'closes'] as const)('survives an endpoint that fails: %s', async (fails) => {
    const { name, key } = await newTenant();
    await burst(key, name);
    const going = burst(key, `${name}-b`, 8, 6);
    gpu.fails = fails;
    await until(
      () => gpu.failed,
      (n) => n > 3,
    );
    gpu.fails = undefined;
    const outcomes = await going;
    expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
    await idle(name);
    expect((await counted(key)).expired).toBeUndefined();
  });

  it('ends with a key that is revoked', async () => {
    const { name, key } = await newTenant();
    await burst(key, name);
    gpu.takesMs = 100;
    const going = burst(key, `${name}-b`, 8, 10);
    const made = JSON.parse(await admin(url(), 'POST', `/tenants/${name}/keys`));
    const ended = burst(made.key, `${name}-c`, 8, 10);
    await admin(url(), 'DELETE', `/tenants/${name}/keys/${made.id}`);
    const outcomes = [...(await going), ...(await ended)];
    expect(outcomes.filter((o) => o.status !== 200 && o.status !== 401)).toEqual([]);
    expect((await call(made.key, `${name}-late`)).status).toBe(401);
    expect((await call(key, `${name}-other`)).status).toBe(200);
    await idle(name);
  });
});

describe('kill -9 while slots are lent', () => {
  it('loses no call, and no slot is used twice', async () => {
    const { name, key } = await newTenant();
    await burst(key, name);
    gpu.takesMs = 300;
    const going = burst(key, `${name}-b`, 10, 6);
    await until(
      () => gpu.running,
      (n) => n >= 8,
    );
    await until(lent, (slots) => slots > 0);
    await dispatcher.crash();
    const outcomes = await going;
    expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
    await idle(name);
    const all = await Promise.all(
      Array.from({ length: SLOTS }, (_, i) => call(key, `${name}-then-${i}`)),
    );
    expect(all.every((o) => o.status === 200)).toBe(true);
  });
});
