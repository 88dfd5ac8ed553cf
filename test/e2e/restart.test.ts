/** What a crash of the whole process loses, and what it does not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, RawClient, startDispatcher, statusOf, until } from './harness.ts';

let dispatcher: Dispatcher;
let gpu: Emulator;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  gpu = await startEmulator({
    models: ['m'],
    slots: 100,
    prefillMsPerToken: 0,
    decodeMsPerToken: 1,
  });
});

afterAll(async () => {
  await dispatcher.close();
  await gpu.close();
});

function config(slots: number): object {
  return {
    leaseMs: 5_000,
    backends: { m: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots }] } },
  };
}

async function complete(key: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${dispatcher.workerd.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: 'Hello, hello.' }],
      max_tokens: 7,
    }),
  });
}

describe('a crash', () => {
  it('keeps tenants, keys, and what was learned', async () => {
    const key = await dispatcher.tenant('learner', config(4));
    for (const unit of ['plan', 'act']) {
      const headers = { 'x-talaria-app': 'agent', 'x-talaria-run': 'r1', 'x-talaria-unit': unit };
      const answer = await complete(key, headers);
      expect(answer.status).toBe(200);
      await answer.text();
    }
    const finish = await fetch(`${dispatcher.workerd.url}/v1/runs/r1/finish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
    });
    expect(await finish.json()).toEqual({ run: 'r1', finished: true });
    const graph = () => admin(dispatcher.workerd.url, 'GET', '/tenants/learner/pdgraph');
    const before = JSON.parse(await graph());
    expect(before.applications[0]).toMatchObject({ app: 'agent', runs: 1 });

    await dispatcher.crash();

    expect(JSON.parse(await graph())).toEqual(before);
    const runs = await admin(dispatcher.workerd.url, 'GET', '/tenants/learner/runs');
    const [run] = runs
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(run).toMatchObject({
      run: 'r1',
      app: 'agent',
      arrival_ms: 0,
      units: [
        { unit: 'plan', backend: 'm', calls: [{ input_tokens: 4, output_tokens: 7 }] },
        { unit: 'act', backend: 'm', calls: [{ input_tokens: 4, output_tokens: 7 }] },
      ],
    });
    expect((await complete(key, {})).status).toBe(200);
  });

  it('does not free the slots of calls that may still run, until their leases expire', async () => {
    const key = await dispatcher.tenant('holder', config(2));
    gpu.fault({ kind: 'hang', count: 2 });
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], max_tokens: 2 };
    const { url } = dispatcher.workerd;
    const holders = [new RawClient(url, key, body), new RawClient(url, key, body)];
    await until(
      () => gpu.stats().running,
      (n) => n === 2,
    );

    await dispatcher.crash();

    await Promise.all(holders.map((h) => h.closed));
    const after = await statusOf(dispatcher.workerd.url, 'holder');
    expect(after.m).toMatchObject({ running: 2 });
    const next = await complete(key, {});
    expect(next.status).toBe(200);
    await next.text();
    const idle = await until(
      () => statusOf(dispatcher.workerd.url, 'holder'),
      (s) => s.m?.running === 0,
    );
    expect(idle.m).toMatchObject({ running: 0, waiting: 0 });
  });
});
