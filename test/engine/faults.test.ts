/**
 * What goes wrong with a real engine: clients that leave, prompts that are too long, a model that
 * is not loaded yet, an engine that dies in the middle of a stream and comes back.
 */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { RawClient, until } from '../e2e/harness.ts';
import {
  type BenchWish,
  type EngineBench,
  eventData,
  ownsEngines,
  startBench,
  startEngine,
  words,
} from './engine-bench.ts';

let bench: EngineBench | undefined;

async function start(wish: BenchWish = {}): Promise<EngineBench> {
  bench = await startBench(wish);
  return bench;
}

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

const messages = [{ role: 'user' as const, content: 'Tell me about the river.' }];
const tooLong = [{ role: 'user' as const, content: words(6_000) }];

async function busySlots(one: EngineBench): Promise<number> {
  return (await one.engines[0]?.slots())?.filter((slot) => slot.is_processing).length ?? -1;
}

describe.runIf(ownsEngines)('a client that leaves', () => {
  const long = { model: 'tiny', messages, max_tokens: 1_900 };

  it.each([
    ['/v1/chat/completions', { stream: true }],
    ['/v1/messages', { stream: true }],
    ['/v1/responses', { stream: true, input: 'The river', max_output_tokens: 1_900 }],
    ['/v1/completions', { stream: true, prompt: ['The', 'A'] }],
    ['/v1/chat/completions', { stream: true, n: 2 }],
  ])('frees the engine’s slot within a second: %s %j', async (path, fields) => {
    const one = await start();
    const { url } = one.dispatcher.workerd;
    const client = new RawClient(url, one.apiKey, { ...long, ...fields }, [], path);
    await until(
      () => busySlots(one),
      (busy) => busy > 0,
    );
    client.reset();
    const left = performance.now();
    await until(
      () => busySlots(one),
      (busy) => busy === 0,
    );
    expect(performance.now() - left).toBeLessThan(1_000);
    await until(
      () => one.status(),
      ({ running, waiting }) => running === 0 && waiting === 0,
    );
  });

  it('frees the dispatcher’s slot of a plain call, which the engine itself runs on', async () => {
    const one = await start();
    const { url } = one.dispatcher.workerd;
    const client = new RawClient(url, one.apiKey, long);
    await until(
      () => busySlots(one),
      (busy) => busy > 0,
    );
    client.reset();
    await until(
      () => one.status(),
      ({ running, waiting }) => running === 0 && waiting === 0,
    );
    // The next call is served beside what the engine still computes.
    const next = await one.post('/chat/completions', { messages, max_tokens: 3 });
    expect(next.status).toBe(200);
  });
});

describe('a prompt that is too long', () => {
  it('is refused with the engine’s words and code', async () => {
    const one = await start();
    const sent = { messages: tooLong, max_tokens: 5 };
    const through = await one.post('/chat/completions', sent);
    const itself = await one.postToEngine('/chat/completions', sent);
    expect(through.status).toBe(400);
    expect(await through.json()).toEqual(await itself.json());
    expect((await one.status()).endpoints[0]?.state).toBe('warm');
  });

  it('is refused in the form of Messages with the engine’s words', async () => {
    const one = await start();
    const answer = await one.post('/messages', { messages: tooLong, max_tokens: 5 });
    expect(answer.status).toBe(400);
    const told = await answer.json();
    expect(told).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect(told.error.message).toContain('exceeds the available context size');
  });

  it.runIf(ownsEngines)('is told in a stream that has waited', async () => {
    const one = await start({
      slots: 1,
      backend: { queueCommentsAfterMs: 100 },
    });
    const busy = one.post('/chat/completions', { messages, max_tokens: 1_500, stream: true });
    await until(
      () => one.status(),
      ({ running }) => running === 1,
    );
    const response = await one.post('/chat/completions', { messages: tooLong, stream: true });
    expect(response.status).toBe(200);
    const events = eventData(await response.text());
    const { error } = JSON.parse(events.at(-1) ?? '');
    const itself = await one.postToEngine('/chat/completions', { messages: tooLong });
    const said = (await itself.json()).error;
    expect(error).toMatchObject({ message: said.message, type: said.type });
    await (await busy).text();
  });
});

describe.runIf(ownsEngines)('an engine that loads its model', () => {
  it('makes calls wait, and then answers them', async () => {
    const one = await start({ whileLoading: true });
    const answers = await Promise.all(
      [false, true].map((stream) =>
        one.post('/chat/completions', { messages, max_tokens: 3, stream }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const answer of answers) expect(await answer.text()).not.toContain('"error"');
  });

  it('is cold where it has a cold start, and calls wait for it', async () => {
    const one = await start({
      whileLoading: true,
      endpoint: { coldStart: { estimateMs: 2_000, idleTimeoutMs: 600_000 } },
    });
    const answer = await one.post('/chat/completions', { messages, max_tokens: 3 });
    expect(answer.status).toBe(200);
  });
});

describe.runIf(ownsEngines)('an engine that dies in mid-stream', () => {
  it('is told to the client, and calls go on when it is back', async () => {
    const one = await start();
    const [engine] = one.engines;
    if (!engine) throw new Error('no engine');
    const response = await one.post('/chat/completions', {
      messages,
      max_tokens: 1_900,
      stream: true,
    });
    const reader = response.body?.getReader();
    let received = '';
    let ended: 'clean' | 'broken' | undefined;
    const read = async () => {
      const piece = await reader?.read().catch(() => 'broken' as const);
      if (piece === 'broken' || piece === undefined || piece.done) {
        ended = piece === 'broken' ? 'broken' : 'clean';
      } else received += Buffer.from(piece.value).toString();
    };
    while (!received.includes('"content":"') && !ended) await read();
    await engine.stop('SIGKILL');
    while (!ended) await read();
    // Told by a broken connection or by an error as the last event, never by an end that looks whole.
    if (ended === 'clean') {
      const last = JSON.parse(eventData(received).at(-1) ?? '{}');
      expect(last).toMatchObject({ error: { type: expect.any(String) } });
    }
    expect(received).not.toContain('[DONE]');
    await until(
      () => one.status(),
      ({ running }) => running === 0,
    );
    const again = await startEngine({ port: Number(new URL(engine.url).port) });
    try {
      await again.ready();
      const { baseURL, apiKey } = one;
      const client = new OpenAI({ baseURL, apiKey, maxRetries: 5 });
      const answer = await client.chat.completions.create({
        model: one.model,
        messages,
        max_tokens: 3,
      });
      expect(answer.usage?.completion_tokens).toBe(3);
    } finally {
      await again.stop('SIGKILL');
    }
  });

  it('is left out for another engine before the client has had a byte', async () => {
    const one = await start({ engines: [{}, {}] });
    await one.engines[0]?.stop('SIGKILL');
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => one.post('/chat/completions', { messages, max_tokens: 3 })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(new Set(answers.map(({ headers }) => headers.get('x-talaria-endpoint')))).toEqual(
      new Set(['engine-2']),
    );
  });
});
