/**
 * The same requests, sent to a real engine directly and through the dispatcher, are answered with
 * the same status and the same fields: nothing is lost, added or renamed on the way.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineBench, eventData, startBench, words } from './engine-bench.ts';

let bench: EngineBench;

beforeAll(async () => {
  bench = await startBench();
});

afterAll(() => bench?.close());

/** The fields of a JSON value as paths, each with its type; items of a list count as one. */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) {
    const items = value.flatMap((item) => shapeOf(item, `${path}[]`));
    return [...new Set([`${path}[${value.length === 0 ? 'empty' : ''}]`, ...items])];
  }
  if (typeof value !== 'object' || value === null) {
    return [`${path}:${value === null ? 'null' : typeof value}`];
  }
  return Object.entries(value).flatMap(([key, inner]) => shapeOf(inner, `${path}.${key}`));
}

interface Seen {
  readonly status: number;
  readonly contentType: string | null;
  /** The fields of its body, or of all its events: a dispatcher may spread them otherwise. */
  readonly fields: readonly string[];
  /** Events whose list of choices is empty, on which clients stumble that did not ask for them. */
  readonly withoutChoice: number;
}

async function seenIn(response: Response): Promise<Seen> {
  const contentType = response.headers.get('content-type')?.replace(/;.*/, '') ?? null;
  const text = await response.text();
  const parts = contentType === 'text/event-stream' ? eventData(text) : [text];
  const values = parts.map((part) => (part === '[DONE]' ? part : JSON.parse(part)));
  return {
    status: response.status,
    contentType,
    fields: [...new Set(values.flatMap((value) => shapeOf(value)))].sort(),
    withoutChoice: values.filter((value) => value?.choices?.length === 0).length,
  };
}

const messages = [{ role: 'user', content: 'Tell me about the moon.' }];
const chat = '/chat/completions';
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];

/** Requests whose answers have the same fields each time, whatever the weights say. */
const REQUESTS: ReadonlyArray<readonly [string, object]> = [
  [chat, { messages }],
  [chat, { messages, stream_options: { include_usage: true } }],
  [chat, { messages, stream_options: { include_usage: false } }],
  [chat, { messages, stream_options: null }],
  [chat, { messages, n: 2 }],
  [chat, { messages, n: 2, stream_options: { include_usage: true } }],
  [chat, { messages, logprobs: true, top_logprobs: 2 }],
  [chat, { messages, timings_per_token: true }],
  [chat, { messages, return_progress: true }],
  [chat, { messages, tools, tool_choice: 'none' }],
  [chat, { messages, stop: ['zzz'], seed: 7, temperature: 0 }],
  [chat, { messages, response_format: { type: 'text' } }],
  [chat, { messages: [{ role: 'system', content: 'Be brief.' }, ...messages] }],
  ['/completions', { prompt: 'The sea' }],
  ['/completions', { prompt: 'The sea', stream_options: { include_usage: true } }],
  ['/completions', { prompt: ['The sea', 'The moon'] }],
  ['/completions', { prompt: [10, 20, 300] }],
  ['/completions', { prompt: 'The sea', logprobs: 1 }],
  ['/completions', { prompt: 'The sea', return_tokens: true }],
  ['/messages', { messages }],
  ['/messages', { messages, system: 'Be brief.' }],
  ['/responses', { input: 'Tell me.', max_output_tokens: 4 }],
  ['/responses', { input: [{ role: 'user', content: 'Tell me.' }], max_output_tokens: 4 }],
];

describe.each(REQUESTS)('%s %j', (path, body) => {
  it.each([false, true])('streamed: %s', async (stream) => {
    if (!stream && 'stream_options' in body) return;
    const sent = { max_tokens: 4, ...body, stream };
    const itself = await seenIn(await bench.postToEngine(path, sent));
    const through = await seenIn(await bench.post(path, sent));
    expect(through).toEqual(itself);
  });
});

/** Requests that the engine refuses. */
const REFUSED: ReadonlyArray<readonly [string, object]> = [
  [chat, { messages: [{ role: 'user', content: words(6_000) }] }],
  [chat, { messages, grammar: 'root ::= (' }],
  [chat, { messages, n: 100 }],
  ['/completions', { prompt: words(6_000) }],
  ['/completions', { prompt: [] }],
  ['/responses', { input: words(6_000) }],
  ['/embeddings', { input: 'The sea' }],
  ['/rerank', { query: 'sea', documents: ['moon'] }],
];

describe.each(REFUSED)('a refusal: %s %#', (path, body) => {
  it.each([false, true])('streamed: %s', async (stream) => {
    const sent = { ...body, ...(stream ? { stream } : {}) };
    const itself = await bench.postToEngine(path, sent);
    const through = await bench.post(path, sent);
    expect({ status: through.status, body: await through.text() }).toEqual({
      status: itself.status,
      body: await itself.text(),
    });
  });
});
