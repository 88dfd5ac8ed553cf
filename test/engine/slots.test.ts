/** The slots of the configuration against those that the engine has, and what one call takes. */
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../e2e/harness.ts';
import { type EngineBench, ownsEngines, startBench, words } from './engine-bench.ts';

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

  /** Sixteen calls at a time, until the engine was found to have fewer slots; then once more. */
  async function overload(one: EngineBench, send: () => Promise<Response>): Promise<void> {
    const round = () => Promise.all(Array.from({ length: 16 }, async () => (await send()).text()));
    await until(
      async () => {
        await round();
        return (await one.status()).endpoints[0];
      },
      (endpoint) => endpoint?.slots_limited_by === 'engine',
    );
    const last = round();
    const { running, endpoints } = await until(
      () => one.status(),
      (status) => status.waiting > 0,
    );
    await last;
    expect(endpoints[0]?.usable_slots).toBe(4);
    expect(running).toBeLessThanOrEqual(4);
    expect(one.dispatcher.workerd.log()).toContain('slots_limited');
  }

  it('more than the engine has are noticed, and the calls wait in the dispatcher', async () => {
    const one = await startBench({ slots: 16 });
    bench = one;
    await overload(one, () =>
      one.post('/chat/completions', { messages, max_tokens: 60, stream: true }),
    );
  });

  it('the same where answers hold no times: embeddings', async () => {
    const more = ['--embeddings', '--pooling', 'mean', '-ub', '2048'];
    const one = await startBench({ slots: 16, engines: [{ more }] });
    bench = one;
    await overload(one, () => one.post('/embeddings', { input: words(400) }));
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
