/**
 * Streams as engines really write them, on bare workerd: faults in every form that the readers know
 * (test/contract/stream-apis.ts), before and after content, and streams that no engine should send. There
 * is one slot, so each call that is served shows that the one before it gave it back.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { streamText } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STREAM_APIS } from '../contract/stream-apis.ts';
import { type Dispatcher, startDispatcher, statusOf, until } from './harness.ts';

let dispatcher: Dispatcher;
let url: string;
let behave: (res: ServerResponse) => void = () => {};
const server = createServer((req, res) => void req.resume().once('end', () => behave(res)));

beforeAll(async () => {
  dispatcher = await startDispatcher();
  url = `${dispatcher.workerd.url}/v1`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  expect(dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost/);
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
});

function keyOf(tenant: string): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const endpoints = [{ url: `http://127.0.0.1:${port}/v1`, slots: 1 }];
  return dispatcher.tenant(tenant, { backends: { m: { models: ['m'], endpoints } } });
}

const streamed = (text: string, headers = {}) => {
  behave = (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).end(text);
  };
};

function call(key: string, path = '/chat/completions'): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: 'x' }],
      input: 'x',
      max_tokens: 9,
    }),
  });
}

describe.each(Object.entries(STREAM_APIS))('a stream of %s', (name, api) => {
  const { path, starts, content, faults } = api;
  const end = api.ends[0] ?? '';

  it('with a fault is one that failed, told once, in whatever form it comes', async () => {
    const key = await keyOf(`faults-${name.toLowerCase()}`);
    for (const fault of faults) {
      for (const after of ['', end]) {
        for (const before of ['', starts.join('')]) {
          streamed(before + fault + after);
          const failed = await call(key, path);
          expect(failed.status, fault).toBeGreaterThanOrEqual(400);
          expect(await failed.json()).toHaveProperty('error');
          streamed(content + end);
          expect(await (await call(key, path)).text()).toBe(content + end);
        }
        streamed(content + fault + after);
        const text = await (await call(key, path)).text();
        expect(text.startsWith(content + fault), fault).toBe(true);
        expect(after).toContain(text.slice(content.length + fault.length));
      }
    }
  });
});

describe('what else an engine writes with the usage', () => {
  const chunk = (fields: object) =>
    `data: ${JSON.stringify({ id: 'a', model: 'm', ...fields })}\n\n`;
  const choice = (delta: object, finish_reason: string | null = null) => ({
    object: 'chat.completion.chunk',
    created: 1,
    choices: [{ index: 0, delta, finish_reason }],
  });
  const timings = { prompt_ms: 1.5, predicted_n: 2 };
  const STREAM = [
    chunk(choice({ role: 'assistant', content: 'a' })),
    chunk(choice({ content: 'b' })),
    chunk(choice({}, 'stop')),
    chunk({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 }, timings }),
    'data: [DONE]\n\n',
  ];

  it('reaches clients in the chunk with the finish reason, which none of them loses', async () => {
    const apiKey = await keyOf('timings');
    streamed(STREAM.join(''));
    const chunks: Record<string, unknown>[] = [];
    const sdk = new OpenAI({ apiKey, baseURL: url, maxRetries: 0 });
    const helper = sdk.chat.completions.stream({
      model: 'm',
      messages: [{ role: 'user', content: 'x' }],
    });
    helper.on('chunk', (one) => chunks.push({ ...one }));
    const { choices } = await helper.finalChatCompletion();
    expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'ab' } });
    expect(chunks.at(-1)).toMatchObject({ timings, choices: [{ finish_reason: 'stop' }] });
    expect(chunks).toHaveLength(3);

    const provider = createOpenAICompatible({ name: 't', baseURL: url, apiKey });
    const answer = streamText({ model: provider('m'), prompt: 'x', maxRetries: 0 });
    expect(await answer.text).toBe('ab');
    expect(await answer.finishReason).toBe('stop');

    const chain = new ChatOpenAI({
      model: 'm',
      apiKey,
      maxRetries: 0,
      streamUsage: false,
      configuration: { baseURL: url },
    });
    let whole: Awaited<ReturnType<typeof chain.invoke>> | undefined;
    for await (const piece of await chain.stream('x')) whole = whole ? whole.concat(piece) : piece;
    expect(whole?.response_metadata.finish_reason).toBe('stop');
  });

  it('keeps the finish reason back for no longer than a moment', async () => {
    const key = await keyOf('held');
    let goOn = () => {};
    behave = (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(STREAM.slice(0, 3).join(''));
      goOn = () => void res.end(STREAM.slice(3).join(''));
    };
    let text = '';
    const decoder = new TextDecoder();
    for await (const piece of (await call(key)).body ?? []) {
      text += decoder.decode(piece, { stream: true });
      if (text === STREAM.slice(0, 3).join('')) goOn();
    }
    expect(text).toMatch(/"timings":.*\n\ndata: \[DONE\]\n\n$/);
  });
});

describe('a stream that no engine should send', () => {
  const content = STREAM_APIS.chat?.content ?? '';
  const done = 'data: [DONE]\n\n';

  it('of a million empty events passes', async () => {
    const key = await keyOf('empty');
    const empty = 'data:\n\n'.repeat(1_000_000);
    streamed(empty + content + done);
    expect((await (await call(key)).text()).length).toBe(empty.length + content.length + 8 + 6);
    streamed(content + done);
    expect((await call(key)).status).toBe(200);
  });

  it('of an event of 100 MB passes, and no faster than its client reads', async () => {
    const key = await keyOf('long');
    const piece = Buffer.alloc(1_000_000, 'x');
    behave = async (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: "');
      for (let i = 0; i < 100; i += 1) if (!res.write(piece)) await once(res, 'drain');
      res.end(`"\n\n${content}${done}`);
    };
    let length = 0;
    let last: Uint8Array = new Uint8Array(0);
    for await (const bytes of (await call(key)).body ?? []) {
      length += bytes.length;
      last = bytes;
    }
    expect(length).toBeGreaterThan(100_000_000);
    expect(Buffer.from(last).toString()).toMatch(/\[DONE\]\n\n$/);
    streamed(content + done);
    expect((await call(key)).status).toBe(200);
  });

  it('with the headers of every engine and proxy at once is one like any other', async () => {
    const key = await keyOf('headers');
    const headers = {
      'Content-Type': 'TEXT/EVENT-STREAM;Charset=UTF-8',
      'retry-after': '-1',
      'retry-after-ms': '0.5',
      'x-ratelimit-reset-requests': '6m0s',
      'anthropic-ratelimit-tokens-reset': '2030-01-01T00:00:00Z',
      'openai-processing-ms': '12',
      'endpoint-load-metrics': 'JSON {"named_metrics":{"num_requests_waiting":-1}}',
      'x-accel-buffering': 'no',
      'x-envoy-upstream-service-time': 'x',
      'cf-ray': '1',
      'server-timing': 'total;dur=1, total;dur=2',
      'x-should-retry': 'true',
      'x-talaria-call': 'forged',
      'x-request-id': 'forged',
      'set-cookie': ['a=1', 'b=2'],
      trailer: 'x-checksum',
      vary: '*',
      'content-encoding': 'Identity',
    };
    streamed(content + done, headers);
    for (let i = 0; i < 3; i += 1) {
      const answer = await call(key);
      expect(answer.headers.get('x-request-id')).not.toBe('forged');
      expect(await answer.text()).toBe(content + done);
    }
    await until(
      () => statusOf(url.replace(/\/v1$/, ''), 'headers'),
      (s) => s.m?.running === 0 && s.m.waiting === 0,
    );
  });
});
