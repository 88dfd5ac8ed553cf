/**
 * A thousand clients disconnect with a TCP reset: a third while they wait for a slot, a third
 * before the first byte, a third in mid-stream. Counted at the endpoint: each call that had reached
 * it is cancelled there, no other call ever reaches it, and every slot is free again.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';

const LEAVING = 334;
/** Longer than any call takes. */
const FOREVER_MS = 3_600_000;

let dispatcher: Dispatcher;
const emulators: Emulator[] = [];

beforeAll(async () => {
  dispatcher = await startDispatcher();
});

afterAll(() => dispatcher.close());

afterEach(async () => {
  await Promise.all(emulators.splice(0).map((emulator) => emulator.close()));
});

describe('a client that disconnects', () => {
  it('while it waits is out of the queue, and its call never reaches the endpoint', async () => {
    const gpu = await endpoint({ prefillMsPerToken: FOREVER_MS, decodeMsPerToken: 1 });
    const { call, standing } = await tenant('queued', gpu, 1);
    const holder = call();
    await until(
      () => gpu.stats().running,
      (n) => n === 1,
    );
    const clients = Array.from({ length: LEAVING }, call);
    await until(standing, (s) => s.waiting === LEAVING);
    await leave('while they wait', clients, async () => (await standing()).waiting === 0);
    expect(gpu.stats()).toMatchObject({ running: 1, maxInFlight: 1, aborted: 0 });
    holder.reset();
    await until(standing, (s) => s.running === 0);
  });

  it("before the first byte frees the slot, and the endpoint's call is cancelled", async () => {
    const gpu = await endpoint({ prefillMsPerToken: FOREVER_MS, decodeMsPerToken: 1 });
    const { call, standing, storyOf } = await tenant('silent', gpu, LEAVING);
    const clients = Array.from({ length: LEAVING }, call);
    await until(
      () => gpu.stats().running,
      (n) => n === LEAVING,
    );
    await leave('before the first byte', clients, async () => (await standing()).running === 0);
    await allCancelled(gpu);
    expect(clients.every((client) => client.received === '')).toBe(true);
    // A disconnect is no fault of the endpoint, so its circuit breaker stays closed.
    const story = await storyOf('silent-1');
    expect(story.result).toMatchObject({ outcome: 'cancelled' });
    expect(story.attempts).toHaveLength(1);
    expect(story.result.endpoint_fault).toBe(false);
  });

  it("in mid-stream frees the slot, and the endpoint's call is cancelled", async () => {
    const gpu = await endpoint({ prefillMsPerToken: 0, decodeMsPerToken: 200 });
    const { call, standing } = await tenant('streamed', gpu, LEAVING);
    const clients = Array.from({ length: LEAVING }, call);
    await until(
      () => clients.filter(({ received }) => received.includes('"content"')).length,
      (n) => n === LEAVING,
    );
    await leave('in mid-stream', clients, async () => (await standing()).running === 0);
    await allCancelled(gpu);
  });
});

async function endpoint(speed: { prefillMsPerToken: number; decodeMsPerToken: number }) {
  const gpu = await startEmulator({ models: ['m'], slots: 1_000, ...speed });
  emulators.push(gpu);
  return gpu;
}

async function tenant(name: string, gpu: Emulator, slots: number) {
  const { url } = dispatcher.workerd;
  const key = await dispatcher.tenant(name, {
    backends: { m: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots }] } },
  });
  let sent = 0;
  const call = () => {
    sent += 1;
    const messages = [{ role: 'user', content: `call ${sent}` }];
    const body = { model: 'm', stream: true, messages, max_tokens: 10_000 };
    return new RawClient(url, key, body, [`x-request-id: ${name}-${sent}`]);
  };
  const standing = async () => {
    const { waiting = 0, running = 0 } = (await statusOf(url, name)).m ?? {};
    return { waiting, running };
  };
  const storyOf = async (request: string) => {
    const headers = { authorization: `Bearer ${key}` };
    return (await (await fetch(`${url}/v1/calls/${request}`, { headers })).json()) as {
      attempts: unknown[];
      result: Record<string, unknown>;
    };
  };
  return { call, standing, storyOf };
}

/** Disconnects all clients at once; returns the time until no call of theirs was left. */
async function leave(
  when: string,
  clients: readonly RawClient[],
  gone: () => Promise<boolean>,
): Promise<void> {
  const from = performance.now();
  for (const client of clients) client.reset();
  await until(gone, (is) => is);
  const tookMs = Math.round(performance.now() - from);
  console.log(`${clients.length} clients left ${when}: nothing left of them after ${tookMs} ms`);
}

async function allCancelled(gpu: Emulator): Promise<void> {
  await until(
    () => gpu.stats(),
    (s) => s.aborted === LEAVING && s.running === 0,
  );
  expect(gpu.stats().maxInFlight).toBe(LEAVING);
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost/);
}
