/** The slots of the configuration against those that the engine has, and what one call takes. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../e2e/harness.ts';
import { type EngineBench, ownsEngines, startBench } from './engine-bench.ts';

let bench: EngineBench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

const messages = [{ role: 'user', content: 'Tell me about the sea.' }];

/** How many requests wait inside the engine. */
const deferred = (one: EngineBench): Promise<number> =>
  one.engines[0]?.metric('requests_deferred') ?? Promise.resolve(Number.NaN);

describe.runIf(ownsEngines)('slots', () => {
  it('as many as the engine has leave none waiting inside it', async () => {
    const one = await startBench();
    bench = one;
    const calls = Array.from({ length: 12 }, () =>
      one.post('/chat/completions', { messages, max_tokens: 100, stream: true }),
    );
    let most = 0;
    let running = true;
    const watch = async () => {
      while (running) most = Math.max(most, await deferred(one));
    };
    const watched = watch();
    await Promise.all(calls.map(async (call) => (await call).text()));
    running = false;
    await watched;
    expect(most).toBe(0);
  });

  it('more than the engine has are noticed, and the calls wait in the dispatcher', async () => {
    const one = await startBench({ slots: 16 });
    bench = one;
    const { baseURL } = one;
    expect(baseURL).toBeTruthy();
    const round = async () => {
      const calls = Array.from({ length: 16 }, () =>
        one.post('/chat/completions', { messages, max_tokens: 60, stream: true }),
      );
      await Promise.all(calls.map(async (call) => (await call).text()));
    };
    for (let n = 0; n < 6; n += 1) await round();
    const last = round();
    await until(
      () => one.status(),
      ({ running }) => running > 0,
    );
    const { running } = await one.status();
    await last;
    expect(running).toBeLessThanOrEqual(4);
    expect(one.dispatcher.workerd.log()).toMatch(/slots/);
  });

  it('a call with several answers takes as many as the engine gives it', async () => {
    const one = await startBench();
    bench = one;
    const calls = Array.from({ length: 4 }, () =>
      one.post('/chat/completions', { messages, max_tokens: 150, n: 3, stream: true }),
    );
    let most = 0;
    let running = true;
    const watch = async () => {
      while (running) most = Math.max(most, await deferred(one));
    };
    const watched = watch();
    await Promise.all(calls.map(async (call) => (await call).text()));
    running = false;
    await watched;
    expect(most).toBe(0);
  });

  it('a call with more answers than the engine has slots is answered as the engine answers it', async () => {
    const one = await startBench();
    bench = one;
    const request = { messages, max_tokens: 3, n: 6 };
    const through = await one.post('/chat/completions', request);
    const itself = await one.postToEngine('/chat/completions', request);
    expect(through.status).toBe(itself.status);
    await through.text();
    const next = await one.post('/chat/completions', { messages, max_tokens: 3 });
    expect(next.status).toBe(200);
  });
});
