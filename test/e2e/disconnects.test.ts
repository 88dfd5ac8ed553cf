/**
 * Several hundred calls in parallel, many of whose clients disconnect: while waiting, before the
 * first byte, or in mid-stream. Counted at the endpoint: it never has more calls than slots, and in
 * the end every slot is free.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';

const SLOTS = 8;
const CALLS = 400;

let dispatcher: Dispatcher;
let gpu: Emulator;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  gpu = await startEmulator({
    models: ['m'],
    slots: 1_000,
    prefillMsPerToken: 0,
    decodeMsPerToken: 4,
  });
});

afterAll(async () => {
  await dispatcher.close();
  await gpu.close();
});

describe('clients that disconnect', () => {
  it('never cause more calls than slots at an endpoint, and leave no slot taken', async () => {
    const { url } = dispatcher.workerd;
    const key = await dispatcher.tenant('leavers', {
      backends: { m: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots: SLOTS }] } },
    });
    const clients = Array.from({ length: CALLS }, (_, i) => {
      const body = {
        model: 'm',
        stream: i % 2 === 0,
        messages: [{ role: 'user', content: `call ${i}` }],
        max_tokens: 10,
      };
      return { i, client: new RawClient(url, key, body) };
    });
    const leaving = clients.filter(({ i }) => i % 3 !== 0);
    const staying = clients.filter(({ i }) => i % 3 === 0);
    // Half of the clients disconnect while they wait, the others later, when some hold a slot.
    await until(
      () => statusOf(url, 'leavers'),
      (s) => (s.m?.waiting ?? 0) > CALLS / 4,
    );
    for (const { i, client } of leaving) if (i % 4 < 2) client.reset();
    await until(
      () => gpu.stats().served,
      (served) => served > 10,
    );
    for (const { client } of leaving) client.reset();
    await Promise.all(staying.map(({ client }) => client.closed));

    for (const { client } of staying) {
      expect(client.received).toMatch(/^HTTP\/1.1 200/);
      expect(client.received).toMatch(/"finish_reason":"length"/);
    }
    const idle = await until(
      () => statusOf(url, 'leavers'),
      (s) => s.m?.running === 0 && s.m.waiting === 0,
    );
    expect(idle.m).toMatchObject({ running: 0, waiting: 0 });
    expect(gpu.stats().maxInFlight).toBeLessThanOrEqual(SLOTS);
    expect(gpu.stats().served).toBeGreaterThanOrEqual(staying.length);
    expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost/);
  });

  it('free the slot of a call whose endpoint hangs, and cancel upstream', async () => {
    const { url } = dispatcher.workerd;
    const key = await dispatcher.tenant('hangers', {
      backends: { m: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots: 1 }] } },
    });
    const before = gpu.stats().aborted;
    gpu.fault({ kind: 'hang' });
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], max_tokens: 2 };
    const hanging = new RawClient(url, key, body);
    await until(
      () => gpu.stats().running,
      (n) => n === 1,
    );
    const next = new RawClient(url, key, body);
    hanging.reset();
    await next.closed;
    expect(next.received).toMatch(/^HTTP\/1.1 200/);
    expect(gpu.stats().aborted).toBe(before + 1);
  });
});
