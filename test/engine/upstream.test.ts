/** What `npm start` finds out about a real server that `UPSTREAM` names. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../scripts/engine/llama-server.ts';
import { findUpstream } from '../../scripts/upstream.ts';
import { type EngineWish, ownsEngines, startEngine } from './engine-bench.ts';

let engine: Engine | undefined;

async function start(wish: EngineWish = {}): Promise<Engine> {
  engine = await startEngine(wish);
  return engine;
}

afterEach(() => engine?.stop('SIGKILL'));

describe.runIf(ownsEngines)('UPSTREAM', () => {
  it.each(['', '/v1', '/v1/'])(
    'finds models and slots at an address that ends with "%s"',
    async (end) => {
      const one = await start({ slots: 3 });
      await one.ready();
      const found = await findUpstream({ UPSTREAM: one.url.replace(/\/v1$/, end) });
      expect(found).toMatchObject({
        ok: true,
        upstream: { url: one.url, models: ['tiny'], slots: 3, slotsFrom: 'the server' },
      });
    },
  );

  it('needs the key of a server that has one', async () => {
    const one = await start({ more: ['--api-key', 'secret-of-it'] });
    await one.ready();
    expect(await findUpstream({ UPSTREAM: one.url, UPSTREAM_KEY: 'secret-of-it' })).toMatchObject({
      ok: true,
      upstream: { slots: 4, slotsFrom: 'the server' },
    });
    // llama-server lists its models without a key, but refuses calls.
    expect(await findUpstream({ UPSTREAM: one.url })).toMatchObject({
      problem: expect.stringMatching(/answered 401: set UPSTREAM_KEY to its key$/),
    });
    expect(await findUpstream({ UPSTREAM: one.url, UPSTREAM_KEY: 'other' })).toMatchObject({
      problem: expect.stringMatching(/answered 401: UPSTREAM_KEY is not its key$/),
    });
  });

  it('finds the models and the slots of a server that loads them when they are called', async () => {
    const one = await start({ model: 'router', slots: 2 });
    await one.ready();
    const found = await findUpstream({ UPSTREAM: one.url });
    expect(found).toMatchObject({
      ok: true,
      upstream: { models: ['large', 'small'], slots: 2, slotsFrom: 'the server' },
    });
  });
});
