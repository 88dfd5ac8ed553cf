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
/** Times that a test tries to have calls borrow. */
const ROUNDS = 4;
/** Times that a test looks whether slots are lent. */
const LOOKS = 100;

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
  gpu.fails = undefined;
  gpu.failsAtMost = Infinity;
  gpu.maxRunning = 0;
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

/** A metric of the key's tenant: the values by one of its labels. Asks all isolates first, as each look does. */
async function figures(key: string, metric: string, label: string) {
  const answer = await fetch(`${url()}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const sums: Record<string, number> = {};
  for (const line of (await answer.text()).split('\n')) {
    if (!line.startsWith(`${metric}{`)) continue;
    const value = new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1] ?? '';
    sums[value] = (sums[value] ?? 0) + Number(line.split(' ').at(-1));
  }
  return sums;
}

const counted = (key: string) => figures(key, 'talaria_calls_total', 'outcome');

/**
 * Calls that began and ended on borrowed slots: those that got a slot and no row of a lease. 0 without
 * loans, since such a row is written before the answer to each grant.
 */
async function borrowed(key: string): Promise<number> {
  const granted = await figures(key, 'talaria_leases_granted_total', 'backend');
  const written = await figures(key, 'talaria_object_writes_total', 'of');
  return (granted.m ?? 0) - (written.lease ?? 0);
}

/**
 * Acts with a new tenant until calls of it have borrowed slots: too few come at a time where the machine
 * is busy. `act` answers false where it has come too late to matter.
 */
async function borrowing(act: (tenant: { name: string; key: string }) => Promise<unknown>) {
  for (let round = 0; round < ROUNDS; round += 1) {
    const tenant = await newTenant();
    const isSeen = await act(tenant);
    if ((await borrowed(tenant.key)) > 0 && isSeen !== false) return;
  }
  throw new Error('no call has borrowed a slot');
}

/** Clients that call one after the other until they are told to stop. */
class Going {
  readonly #clients: ReadonlyArray<Promise<Outcome[]>>;
  #isStopped = false;

  constructor(keys: readonly string[], name: string, width: number) {
    this.#clients = keys.flatMap((key, k) =>
      Array.from({ length: width }, (_, c) => this.#client(key, `${name}-${k}-${c}`)),
    );
  }

  /** Waits until slots are lent and calls have ended on them; false where that does not happen. */
  async lent(): Promise<boolean> {
    for (let look = 0; look < LOOKS; look += 1) {
      if ((await stored()).slots > 0) {
        const answered = gpu.answered.size;
        await until(
          () => gpu.answered.size,
          (n) => n >= answered + 40,
        );
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return false;
  }

  /** What became of all the calls. */
  async stop(): Promise<Outcome[]> {
    this.#isStopped = true;
    return (await Promise.all(this.#clients)).flat();
  }

  async #client(key: string, name: string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    while (!this.#isStopped) outcomes.push(await call(key, `${name}-${outcomes.length}`));
    return outcomes;
  }
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

/** What is stored of all tenants: the slots that are lent, and the leases. */
async function stored(): Promise<{ slots: number; leases: number }> {
  const folder = join(dispatcher.stateDir, 'objects/tenant');
  const copy = await mkdtemp(join(tmpdir(), 'talaria-lent-'));
  const names = (await readdir(folder)).filter((name) =>
    /^[0-9a-f]{64}\.sqlite(-wal)?$/.test(name),
  );
  for (const name of names) {
    try {
      await copyFile(join(folder, name), join(copy, name));
    } catch {
      // An object that has gone to sleep has no journal.
    }
  }
  const sums = { slots: 0, leases: 0 };
  for (const name of names.filter((n) => n.endsWith('.sqlite'))) {
    const database = new DatabaseSync(join(copy, name));
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = 'loans'").get();
    if (tables) {
      sums.slots += Number(database.prepare('SELECT SUM(slots) AS n FROM loans').get()?.n ?? 0);
      sums.leases += Number(database.prepare('SELECT COUNT(*) AS n FROM leases').get()?.n ?? 0);
    }
    database.close();
  }
  await rm(copy, { recursive: true });
  return sums;
}

async function idle(tenant: string): Promise<void> {
  await until(
    () => statusOf(url(), tenant),
    (s) => s.m?.running === 0 && s.m.waiting === 0,
  );
}

/** As many calls as there are slots are served. */
async function allSlotsAreFree(key: string, name: string): Promise<void> {
  const calls = Array.from({ length: SLOTS }, (_, i) => call(key, `${name}-then-${i}`));
  expect((await Promise.all(calls)).filter((o) => o.status !== 200)).toEqual([]);
}

describe('a burst that borrows', () => {
  it('is all there for whoever looks right after', () =>
    borrowing(async ({ name, key }) => {
      const outcomes = await burst(key, name);
      expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
      expect((await statusOf(url(), name)).m).toMatchObject({ running: 0, waiting: 0 });
      expect(await counted(key)).toEqual({ ok: 80 });
    }));

  it('is in the story of its last call', () =>
    borrowing(async ({ name, key }) => {
      await burst(key, name);
      const { status, entry } = await entryOfLast(key, name);
      expect(status).toBe(200);
      expect(entry).toMatchObject({ state: 'ended', result: { outcome: 'ok', output_tokens: 5 } });
    }));

  it('is found by a client that reports the end of its run', () =>
    borrowing(async ({ name, key }) => {
      await burst(key, name);
      const runs = await fetch(`${url()}/v1/runs/${name}-3-19/finish`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
      });
      expect(runs.status).toBeLessThan(300);
      const lines = (await admin(url(), 'GET', `/tenants/${name}/runs`)).trim().split('\n');
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ units: [{ calls: [{}] }] }]);
    }));

  it('gives its slots up to clients that have to wait', () =>
    borrowing(async ({ name, key }) => {
      gpu.takesMs = 20;
      const lending = new Going([key], `${name}-b`, 8);
      const isLent = await lending.lent();
      gpu.takesMs = 200;
      const others = Array.from({ length: 40 }, (_, i) => call(key, `${name}-o-${i}`));
      const outcomes = [...(await Promise.all(others)), ...(await lending.stop())];
      expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
      await idle(name);
      return isLent;
    }));

  it('loses no slot to clients that leave', () =>
    borrowing(async ({ name, key }) => {
      gpu.takesMs = Infinity;
      const clients: RawClient[] = [];
      const come = async (count: number) => {
        for (let i = 0; i < count; i += 1) {
          const messages = [{ role: 'user', content: `${name}-leaves-${clients.length}` }];
          clients.push(new RawClient(url(), key, { model: 'm', messages, max_tokens: 5 }));
        }
        await until(
          () => gpu.running,
          (n) => n === clients.length,
        );
      };
      // The last of them borrows slots, which the next ones take: nobody else calls.
      await come(9);
      await come(4);
      for (const client of clients) client.reset();
      await until(
        () => gpu.running,
        (n) => n === 0,
      );
      gpu.takesMs = 20;
      await idle(name);
      const hasBorrowed = (await borrowed(key)) > 0;
      await allSlotsAreFree(key, name);
      return hasBorrowed;
    }));

  it.each([500, 429, 'closes'] as const)('survives an endpoint that fails: %s', (fails) =>
    borrowing(async ({ name, key }) => {
      gpu.failed = 0;
      const going = new Going([key], name, 8);
      const isLent = await going.lent();
      gpu.failsAtMost = 6;
      gpu.fails = fails;
      await until(
        () => gpu.failed,
        (n) => n === 6,
      );
      const outcomes = await going.stop();
      // A call that fails more often than it may be sent again is told so; all others are served.
      const told = outcomes.filter((o) => o.status !== 200).map((o) => o.status);
      expect(told.filter((status) => ![429, 502, 503].includes(status))).toEqual([]);
      expect(told.length).toBeLessThan(gpu.failsAtMost);
      await idle(name);
      expect((await counted(key)).expired).toBeUndefined();
      return isLent;
    }),
  );

  it('ends with a key that is revoked', () =>
    borrowing(async ({ name, key }) => {
      const made = JSON.parse(await admin(url(), 'POST', `/tenants/${name}/keys`));
      const going = new Going([key, made.key], name, 4);
      const isLent = await going.lent();
      await admin(url(), 'DELETE', `/tenants/${name}/keys/${made.id}`);
      const outcomes = await going.stop();
      expect(outcomes.filter((o) => o.status !== 200 && o.status !== 401)).toEqual([]);
      expect((await call(made.key, `${name}-late`)).status).toBe(401);
      expect((await call(key, `${name}-other`)).status).toBe(200);
      await idle(name);
      return isLent;
    }));
});

describe('kill -9 while slots are lent', () => {
  it('loses no call, and no slot is used twice', async () => {
    let hadBorrowed = false;
    for (let round = 0; round < ROUNDS && !hadBorrowed; round += 1) {
      const { name, key } = await newTenant();
      const going = new Going([key], name, 10);
      await going.lent();
      gpu.takesMs = Infinity;
      // Each of the clients is at the endpoint and stays there.
      await until(
        () => gpu.running,
        (n) => n === 10,
      );
      const { slots, leases } = await stored();
      hadBorrowed = slots > 0 && leases < gpu.running;
      await dispatcher.crash();
      gpu.takesMs = 20;
      const outcomes = await going.stop();
      expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
      await idle(name);
      await allSlotsAreFree(key, name);
    }
    expect(hadBorrowed).toBe(true);
  });
});
