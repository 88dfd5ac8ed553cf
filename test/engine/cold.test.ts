/**
 * Engines that are not ready when a call comes: one that sleeps, one whose port is closed, one that
 * loads the models of its folder when they are called.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../scripts/engine/llama-server.ts';
import { until } from '../e2e/harness.ts';
import {
  type BenchWish,
  type EngineBench,
  ownsEngines,
  startBench,
  startEngine,
} from './engine-bench.ts';

let bench: EngineBench | undefined;
let later: Engine | undefined;

async function start(wish: BenchWish = {}): Promise<EngineBench> {
  bench = await startBench(wish);
  return bench;
}

afterEach(async () => {
  await bench?.close();
  await later?.stop('SIGKILL');
  [bench, later] = [undefined, undefined];
});

const messages = [{ role: 'user', content: 'Tell me about the rain.' }];
const short = { messages, max_tokens: 3 };
const coldStart = { estimateMs: 2_000, idleTimeoutMs: 600_000 };

const portOf = (engine: Engine): number => Number(new URL(engine.url).port);

/** Ends the bench's only engine and starts it again on the same port when `when` has come. */
async function restart(one: EngineBench, when: () => Promise<unknown>): Promise<void> {
  const [engine] = one.engines;
  if (!engine) throw new Error('no engine');
  await when();
  later = await startEngine({ port: portOf(engine) });
}

describe.runIf(ownsEngines)('an engine whose port is closed', () => {
  it('is cold where it has a cold start: calls wait until it is back', async () => {
    const one = await start({ endpoint: { coldStart } });
    expect((await one.post('/chat/completions', short)).status).toBe(200);
    await one.engines[0]?.stop('SIGKILL');
    const calls = [false, true].map((stream) =>
      one.post('/chat/completions', { ...short, stream }),
    );
    await restart(one, () =>
      until(
        () => one.status(),
        ({ endpoints, waiting }) => endpoints[0]?.state !== 'warm' && waiting > 0,
      ),
    );
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const answer of answers) expect(await answer.text()).not.toContain('"error"');
  });
});

describe.runIf(ownsEngines)('an engine that sleeps', () => {
  it('is woken by a call, which is answered', async () => {
    const sleepy = { more: ['--sleep-idle-seconds', '1'] };
    const one = await start({
      engines: [sleepy],
      endpoint: { coldStart: { estimateMs: 2_000, idleTimeoutMs: 1_000 } },
    });
    const [engine] = one.engines;
    if (!engine) throw new Error('no engine');
    for (let round = 0; round < 2; round += 1) {
      const answer = await one.post('/chat/completions', short);
      expect(answer.status).toBe(200);
      expect((await answer.json()).usage.completion_tokens).toBe(3);
      await until(
        async () => (await fetch(new URL('/props', engine.url))).json(),
        (props) => props.is_sleeping === true,
      );
    }
    const [answer, ...rest] = await Promise.all(
      Array.from({ length: 6 }, () => one.post('/chat/completions', short)),
    );
    expect([answer, ...rest].map((each) => each?.status)).toEqual(Array(6).fill(200));
  });
});

describe.runIf(ownsEngines)('an engine with several models', () => {
  interface Listed {
    readonly data: ReadonlyArray<{ readonly id: string; readonly status: { value: string } }>;
  }
  const loaded = async (one: EngineBench): Promise<string[]> => {
    const list: Listed = await (await fetch(`${one.engineUrl}/models`)).json();
    return list.data.filter(({ status }) => status.value === 'loaded').map(({ id }) => id);
  };

  it('is woken with the model that the call needs', async () => {
    const one = await start({
      engines: [{ model: 'router', slots: 2 }],
      models: ['large', 'small'],
      endpoint: { coldStart },
    });
    const answer = await one.post('/chat/completions', { ...short, model: 'small' });
    expect(answer.status).toBe(200);
    expect(await loaded(one)).toEqual(['small']);
    const other = await one.post('/chat/completions', { ...short, model: 'large' });
    expect(other.status).toBe(200);
  });

  it('that it does not load by itself refuses the call, and is not taken for ready', async () => {
    const one = await start({
      engines: [{ model: 'router', slots: 2, more: ['--no-models-autoload'] }],
      models: ['large', 'small'],
      endpoint: { coldStart },
      backend: { queue: { maxWaitMs: 4_000, maxWaitColdMs: 4_000 } },
    });
    const answer = await one.post('/chat/completions', { ...short, model: 'small' });
    const told = await answer.json();
    expect(answer.status, JSON.stringify(told)).not.toBe(200);
    expect((await one.status()).endpoints[0]?.state).not.toBe('warm');
    // Once the user has loaded it, calls are served.
    await fetch(new URL('/models/load', one.engineUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'small' }),
    });
    await until(
      () => loaded(one),
      (models) => models.includes('small'),
    );
    await until(
      async () => (await one.post('/chat/completions', { ...short, model: 'small' })).status,
      (status) => status === 200,
    );
  });
});

describe.runIf(ownsEngines)('an engine with a key', () => {
  it('gets it, and the client does not', async () => {
    const one = await start({ engineKey: 'key-of-the-engine' });
    const answer = await one.post('/chat/completions', short);
    expect(answer.status).toBe(200);
    expect(JSON.stringify([...answer.headers])).not.toContain('key-of-the-engine');
    const direct = await fetch(`${one.engineUrl}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(short),
    });
    expect(direct.status).toBe(401);
  });
});
