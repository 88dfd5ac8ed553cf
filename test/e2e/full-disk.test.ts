/**
 * A full disk, on bare workerd with a limit on file sizes. No call is served twice, no slot is
 * granted that a restart would forget, and callers get errors that allow a retry. When the disk has
 * space again, all that was written before is there.
 */
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { CountingEndpoint } from './counting-endpoint.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';
import { patientCall } from './patient-client.ts';

const SLOTS = 4;
/** Less than the size of the database of jobs: existing data can be changed, but none added. */
const JOBS_FULL_KB = 36;

let dispatcher: Dispatcher;
let gpu: CountingEndpoint;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  gpu = await new CountingEndpoint().start();
});

afterAll(async () => {
  await dispatcher.close();
  await gpu.close();
});

const url = () => dispatcher.workerd.url;

async function call(key: string, name: string) {
  const answer = await fetch(`${url()}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'x-talaria-app': 'disk', 'x-talaria-run': name },
    body: JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: name }],
      max_tokens: 5,
    }),
  });
  return {
    status: answer.status,
    again: answer.headers.get('x-should-retry'),
    text: await answer.text(),
  };
}

/** Size of the only tenant's database with its log written into it, kB: it grows with the schema. */
async function tenantDatabaseKb(): Promise<number> {
  const folder = join(dispatcher.stateDir, 'objects/tenant');
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.sqlite/.test(name));
  const copy = await mkdtemp(join(tmpdir(), 'talaria-full-disk-'));
  for (const name of names.filter((n) => !n.endsWith('-shm'))) {
    await copyFile(join(folder, name), join(copy, name));
  }
  const database = new DatabaseSync(join(copy, names.find((n) => n.endsWith('.sqlite')) ?? ''));
  const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count);
  const bytes = Number(database.prepare('PRAGMA page_size').get()?.page_size);
  database.close();
  await rm(copy, { recursive: true });
  return (pages * bytes) / 1024;
}

async function knownRuns(): Promise<number> {
  const graph = JSON.parse(await admin(url(), 'GET', '/tenants/disk/pdgraph'));
  return graph.applications[0]?.runs ?? 0;
}

describe('a full disk', () => {
  it('loses no slot and nothing that was written, and callers may retry', async () => {
    const key = await dispatcher.tenant('disk', {
      leaseMs: 5_000,
      runSilenceMs: 5_000,
      // Every call has a lease of its own, whose row may not fit.
      backends: {
        m: { models: ['m'], endpoints: [{ url: gpu.url, slots: SLOTS }], lendSlots: false },
      },
    });
    const finish = (run: string) =>
      fetch(`${url()}/v1/runs/${run}/finish`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
      });
    for (let i = 0; i < 20; i += 1) {
      expect((await call(key, `before-${i}`)).status).toBe(200);
      await finish(`before-${i}`);
    }
    expect(await knownRuns()).toBe(20);
    // A batch of events is written after 5 s at the latest; after a restart, what is known was on
    // the disk.
    await dispatcher.crash();
    const before = await knownRuns();

    // Existing data can be changed, but none added.
    await dispatcher.crash({ fileKb: await tenantDatabaseKb() });
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, i) => call(key, `full-${i}`)),
    );
    expect(dispatcher.workerd.log()).toContain('lease_not_saved');
    const served = outcomes.filter((o) => o.status === 200).length;
    for (const { status, again } of outcomes) {
      if (status !== 200) expect([status, again]).toEqual([503, 'true']);
    }
    expect(gpu.maxRunning).toBeLessThanOrEqual(SLOTS);
    expect(gpu.doubled).toEqual([]);

    await dispatcher.crash();
    expect(await knownRuns()).toBeGreaterThanOrEqual(before);
    const after = await Promise.all(
      Array.from({ length: 20 }, (_, i) => patientCall(url, key, `after-${i}`)),
    );
    expect(after.every((o) => o.status === 200)).toBe(true);
    expect(gpu.maxRunning).toBeLessThanOrEqual(SLOTS);
    const idle = await until(
      () => statusOf(url(), 'disk'),
      (s) => s.m?.running === 0 && s.m.waiting === 0,
    );
    expect(idle.m).toMatchObject({ running: 0, waiting: 0 });
    console.log(
      `with a full disk ${served} of 200 calls were served, the others told to ask again`,
    );
  });
});

describe('a full disk and jobs', () => {
  it('loses no job that was accepted, and refuses others with a retry', async () => {
    const key = await dispatcher.tenant('disk-jobs', {
      leaseMs: 5_000,
      backends: { m: { models: ['m'], endpoints: [{ url: gpu.url, slots: SLOTS }] } },
    });
    const ask = (path: string, order?: object) =>
      fetch(`${url()}/v1/jobs${path}`, {
        method: order ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${key}` },
        ...(order ? { body: JSON.stringify(order) } : {}),
      });
    const order = async (content: string) => {
      const body = { model: 'm', messages: [{ role: 'user', content }], max_tokens: 5 };
      const answer = await ask('', { path: '/v1/chat/completions', body });
      const { id } = (await answer.json()) as { id?: string };
      return { status: answer.status, again: answer.headers.get('x-should-retry'), id };
    };
    const orders = (name: string) =>
      Promise.all(Array.from({ length: 40 }, (_, i) => order(`${name}-${i}`)));

    const before = await orders('before');
    expect(before.every((o) => o.status === 202)).toBe(true);
    await dispatcher.crash({ fileKb: JOBS_FULL_KB });
    const full = await orders('full');
    const refused = full.filter((o) => o.status !== 202);
    expect(refused.length).toBeGreaterThan(0);
    for (const { status, again } of refused) expect([status, again]).toEqual([503, 'true']);

    await dispatcher.crash();
    for (const { id } of [...before, ...full]) {
      if (id === undefined) continue;
      const job = await until(
        async () => (await (await ask(`/${id}`)).json()) as { status: string },
        (j) => j.status !== 'queued' && j.status !== 'in_progress',
      );
      expect(job.status).toBe('completed');
    }
    expect(gpu.maxRunning).toBeLessThanOrEqual(SLOTS);
  });
});
