/**
 * The tenant's object is aborted at every step of a call, on bare workerd, while the Worker, its
 * client and the endpoint keep running. The client gets its whole answer, the endpoint never has
 * more calls than slots or one call twice at once, no slot stays taken, and every run is learned
 * from once.
 */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';
import { type Moment, SteppedEndpoint, WHOLE } from './stepped-endpoint.ts';

/** The number of calls during which the object is aborted, for each step. */
const LIVES = 20;
const SLOTS = 2;

let dispatcher: Dispatcher;
let gpu: SteppedEndpoint;

beforeAll(async () => {
  dispatcher = await startDispatcher({}, { abortable: true });
  gpu = await new SteppedEndpoint().start();
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error/);
  await dispatcher.close();
  await gpu.close();
});

/** A tenant of its own, whose object `strike` aborts. */
async function newTenant(name: string) {
  const { workerd } = dispatcher;
  const backends = { m: { models: ['m'], endpoints: [{ url: gpu.url, slots: SLOTS }] } };
  const key = await dispatcher.tenant(name, { backends, leaseMs: 60_000 });
  const headers = { authorization: `Bearer ${key}`, 'x-talaria-app': 'app' };
  const body = (run: string) => ({
    model: 'm',
    stream: true,
    messages: [{ role: 'user', content: run }],
  });
  gpu.reset();
  return {
    key,
    body,
    strike: () => workerd.abort(name),
    call: async (run: string) => {
      const answer = await fetch(`${workerd.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...headers, 'x-talaria-run': run },
        body: JSON.stringify(body(run)),
      });
      return [answer.status, await answer.text()];
    },
    finish: (run: string) =>
      fetch(`${workerd.url}/v1/runs/${run}/finish`, { method: 'POST', headers }),
    standing: async () => (await statusOf(workerd.url, name)).m ?? { waiting: 0, running: 0 },
    /**
     * The finished runs, each with its number of visits. Reading them also writes them to storage.
     */
    learned: async () => {
      const text = await admin(workerd.url, 'GET', `/tenants/${name}/runs`);
      const lines = text.trim().split('\n').filter(Boolean);
      return lines
        .map((line) => JSON.parse(line) as { run: string; units: unknown[] })
        .map(({ run, units }) => `${run} ${units.length}`)
        .sort();
    },
  };
}

type Tenant = Awaited<ReturnType<typeof newTenant>>;

async function expectNothingLeft(tenant: Tenant): Promise<void> {
  await until(tenant.standing, (s) => s.running === 0 && s.waiting === 0);
  expect(gpu.maxRunning).toBeLessThanOrEqual(SLOTS);
  expect(gpu.doubled).toEqual([]);
  expect(await tenant.call('next')).toEqual([200, WHOLE]);
}

const runsOf = (count: number) => Array.from({ length: count }, (_, i) => `run-${i}`);

describe('an object that is aborted', () => {
  it.each<[string, Moment | 'before' | 'after']>([
    ['before the call asks', 'before'],
    ['when the endpoint has read it', 'read'],
    ['when the endpoint turns it away, and it is to be tried again', 'refused'],
    ['after the first byte', 'first'],
    ['in mid-stream', 'middle'],
    ['after the last content, before the end of the stream', 'last'],
    ['after the last event, about when it is reported', 'end'],
    ['when it was reported, before its run has ended', 'after'],
  ])('%s', async (_, moment) => {
    const tenant = await newTenant(`at-${moment}`);
    const runs = runsOf(LIVES);
    for (const run of runs) {
      if (moment === 'before') await tenant.strike();
      gpu.at = { moment, act: tenant.strike };
      expect(await tenant.call(run)).toEqual([200, WHOLE]);
      if (moment === 'after') {
        // Writes what was learned so far, because a crash loses what is not written.
        await tenant.learned();
        await tenant.strike();
      }
      expect((await tenant.finish(run)).status).toBe(200);
      await tenant.learned();
    }
    const attempts = moment === 'refused' ? 2 : 1;
    expect(runs.map((run) => gpu.attempts.get(run))).toEqual(runs.map(() => attempts));
    await expectNothingLeft(tenant);
    expect(await tenant.learned()).toEqual(runs.map((run) => `${run} 1`).sort());
  });

  it('while its report is on its way', async () => {
    const tenant = await newTenant('reporting');
    let struck = Promise.resolve();
    for (const run of runsOf(LIVES)) {
      gpu.at = {
        moment: 'last',
        act: async () => {
          struck = tenant.strike();
        },
      };
      expect(await tenant.call(run)).toEqual([200, WHOLE]);
      await struck;
    }
    await expectNothingLeft(tenant);
  });

  it('while calls wait, and others have the slots', async () => {
    const tenant = await newTenant('waiting');
    const held: ServerResponse[] = [];
    gpu.hold = (res) => held.push(res) <= SLOTS;
    const runs = runsOf(LIVES + SLOTS);
    const answers = Promise.all(runs.map(tenant.call));
    for (let strikes = 0; strikes < 3; strikes += 1) {
      await until(tenant.standing, (s) => s.waiting === LIVES && s.running === SLOTS);
      await tenant.strike();
    }
    await until(tenant.standing, (s) => s.waiting === LIVES && s.running === SLOTS);
    for (const res of held) gpu.goOn(res);
    expect(await answers).toEqual(runs.map(() => [200, WHOLE]));
    for (const run of runs) await tenant.finish(run);
    await expectNothingLeft(tenant);
    expect(await tenant.learned()).toEqual(runs.map((run) => `${run} 1`).sort());
  });

  it('while clients leave', async () => {
    const tenant = await newTenant('leaving');
    gpu.hold = () => true;
    const { url } = dispatcher.workerd;
    const clients = runsOf(LIVES).map((run) => new RawClient(url, tenant.key, tenant.body(run)));
    await until(tenant.standing, (s) => s.waiting === LIVES - SLOTS && s.running === SLOTS);
    const struck = tenant.strike();
    for (const client of clients) client.reset();
    await struck;
    gpu.hold = () => false;
    await expectNothingLeft(tenant);
    await until(
      () => gpu.running,
      (running) => running === 0,
    );
  });

  it('again and again under load', async () => {
    // In a storm each of a report's six tries may meet an abort, and then its lease gives the slot back.
    expect(dispatcher.workerd.log()).not.toMatch(/report_lost/);
    const tenant = await newTenant('storm');
    const runs = runsOf(300);
    let isOver = false;
    const storm = (async () => {
      let strikes = 0;
      for (; !isOver; strikes += 1) await tenant.strike();
      return strikes;
    })();
    // A stream that has begun tells its client to ask again by breaking off.
    const broken = (error: Error): [number, string] => {
      const { code } = (error.cause ?? {}) as { code?: string };
      // Where it breaks off at once, the headers may be lost with it. Refused it must not be.
      if (error.message !== 'terminated' && code !== 'UND_ERR_SOCKET') throw error;
      return [503, ''];
    };
    const answers = await Promise.all(runs.map((run) => tenant.call(run).catch(broken)));
    isOver = true;
    const told = answers.filter(([status]) => status !== 200);
    console.log(`${await storm} aborts under 300 calls, ${told.length} of them told to ask again`);
    expect(told.every(([status]) => status === 503)).toBe(true);
    await expectNothingLeft(tenant);
  });
});
