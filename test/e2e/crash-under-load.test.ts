/**
 * workerd is killed with SIGKILL while 50 calls run and 500 wait, and is started again on the same
 * storage. Every client gets its answer, the endpoint never has more calls than slots and never one
 * call twice at once, and no run is learned from twice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { CountingEndpoint } from './counting-endpoint.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';
import { type Outcome, patientCall } from './patient-client.ts';

const SLOTS = 50;
const WAITING = 500;
/** Long enough that a busy machine renews it in time. */
const LEASE_MS = 15_000;
/** Learned data is written after this many events at the latest. */
const FLUSH_COUNT = 100;

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

async function recordedRuns(tenant: string): Promise<string[]> {
  const lines = (await admin(url(), 'GET', `/tenants/${tenant}/runs`)).trim();
  return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line).run);
}

function send(key: string, count: number, prefix: string): Array<Promise<Outcome>> {
  return Array.from({ length: count }, (_, i) => {
    const name = `${prefix}-${i}`;
    const headers = {
      'x-talaria-app': 'load',
      'x-talaria-run': name,
      'x-talaria-run-final': 'true',
    };
    return patientCall(url, key, name, headers);
  });
}

describe('kill -9 in the middle of 50 running and 500 waiting calls', () => {
  it('loses nothing and repeats nothing', async () => {
    const key = await dispatcher.tenant('crash', {
      leaseMs: LEASE_MS,
      backends: { m: { models: ['m'], endpoints: [{ url: gpu.url, slots: SLOTS }] } },
    });
    // Finished runs before the crash, which could be counted twice.
    expect((await Promise.all(send(key, 150, 'before'))).every((o) => o.status === 200)).toBe(true);
    gpu.takesMs = Infinity;
    const clients = send(key, SLOTS + WAITING, 'call');
    await until(
      () => statusOf(url(), 'crash'),
      (s) => s.m?.running === SLOTS && s.m.waiting === WAITING,
    );

    await dispatcher.crash();
    gpu.takesMs = 20;

    // After the restart, calls from before may still be running, so their slots stay taken until
    // their leases end.
    const outcomes = await Promise.all(clients);
    expect(outcomes.filter((o) => o.status !== 200)).toEqual([]);
    expect(gpu.maxRunning).toBe(SLOTS);
    expect(gpu.doubled).toEqual([]);
    const idle = await until(
      () => statusOf(url(), 'crash'),
      (s) => s.m?.running === 0 && s.m.waiting === 0,
    );
    expect(idle.m).toMatchObject({ running: 0, waiting: 0 });

    // All calls that ended before the last flush are known, each run once.
    const total = [...gpu.answered.values()].reduce((sum, n) => sum + n, 0);
    expect(gpu.answered.size).toBe(150 + SLOTS + WAITING);
    const known = await until(
      () => recordedRuns('crash'),
      (runs) => runs.length >= total - FLUSH_COUNT,
    );
    expect(new Set(known).size).toBe(known.length);
    expect(known.length).toBeLessThanOrEqual(total);
    const retried = outcomes.filter((o) => o.tries > 1).length;
    console.log(
      `${retried} of ${outcomes.length} clients asked again; ${known.length} of ${total} answers are known as runs`,
    );
  });
});
