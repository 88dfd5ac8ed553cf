/**
 * The emulated endpoint's answers in the OpenAI forms, over real HTTP on a free loopback port. Time
 * runs a thousand times as fast; no test checks how long something takes.
 */
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../../../scripts/gpu/emulator.ts';
import type { EmulatorOptions } from '../../../../scripts/gpu/exchange.ts';

const open: Emulator[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((emulator) => emulator.close()));
});

async function start(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const emulator = await startEmulator({
    models: ['m', 'embed'],
    slots: 2,
    prefillMsPerToken: 0.1,
    decodeMsPerToken: 20,
    timeScale: 1_000,
    ...options,
  });
  open.push(emulator);
  return emulator;
}

const CHAT = { model: 'm', messages: [{ role: 'user', content: 'Hello, you' }], max_tokens: 5 };

function post(emulator: Emulator, path: string, body: unknown, init: RequestInit = {}) {
  return fetch(`${emulator.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...init.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(init.signal ? { signal: init.signal } : {}),
  });
}

const chat = (emulator: Emulator, body: object = {}, init?: RequestInit) =>
  post(emulator, '/v1/chat/completions', { ...CHAT, ...body }, init);

async function jsonOf<T>(response: Response | Promise<Response>): Promise<T> {
  return (await (await response).json()) as T;
}

/** The chunks of a stream, which must end with `[DONE]`. */
async function chunksOf<T>(response: Response): Promise<T[]> {
  const events = (await response.text()).split('\n\n').filter((e) => e.startsWith('data: '));
  expect(events.at(-1)).toBe('data: [DONE]');
  return events.slice(0, -1).map((e) => JSON.parse(e.slice(6)));
}

type Chat = OpenAI.ChatCompletion;
type Chunk = OpenAI.ChatCompletionChunk;
type Embeddings = OpenAI.CreateEmbeddingResponse;

describe('plain answers', () => {
  it('to a chat have as many words and tokens as were allowed', async () => {
    const answer = await jsonOf<Chat>(chat(await start()));
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'm' });
    expect(answer.choices[0]).toMatchObject({ index: 0, finish_reason: 'length' });
    expect(answer.choices[0]?.message.content?.split(' ')).toHaveLength(5);
    expect(answer.usage).toEqual({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
  });

  it('stop by themselves where no limit was set', async () => {
    const answer = await jsonOf<Chat>(chat(await start(), { max_tokens: undefined }));
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
  });

  it('count text parts alike', async () => {
    const content = [
      { type: 'text', text: 'Hello,' },
      { type: 'text', text: ' you' },
    ];
    const answer = await jsonOf<Chat>(
      chat(await start(), { messages: [{ role: 'user', content }] }),
    );
    expect(answer.usage?.prompt_tokens).toBe(3);
  });

  it('to a completion are text', async () => {
    const body = { model: 'm', prompt: 'abcdefgh', max_tokens: 3 };
    const answer = await jsonOf<OpenAI.Completion>(post(await start(), '/v1/completions', body));
    expect(answer.object).toBe('text_completion');
    expect(answer.choices[0]?.text.split(' ')).toHaveLength(3);
    expect(answer.usage?.prompt_tokens).toBe(2);
  });

  it('are JSON where JSON was asked for', async () => {
    const body = { response_format: { type: 'json_object' } };
    const answer = await jsonOf<Chat>(chat(await start(), body));
    expect(typeof JSON.parse(answer.choices[0]?.message.content ?? '')).toBe('object');
  });

  it('call a tool where the user asks for one', async () => {
    const tools = [{ type: 'function', function: { name: 'search', parameters: {} } }];
    const messages = [{ role: 'user', content: 'use a tool' }];
    const answer = await jsonOf<Chat>(chat(await start(), { tools, messages }));
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
    expect(answer.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: 'search' },
    });
  });
});

describe('streamed answers', () => {
  it('begin with the role, bring each token, and end with a reason', async () => {
    const response = await chat(await start(), { stream: true });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const chunks = await chunksOf<Chunk>(response);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('length');
    const words = chunks.map((c) => c.choices[0]?.delta.content).filter(Boolean);
    expect(words).toHaveLength(5);
    expect(chunks.every((c) => c.usage === undefined)).toBe(true);
  });

  it('say the usage last where it was asked for', async () => {
    const body = { stream: true, stream_options: { include_usage: true } };
    const last = (await chunksOf<Chunk>(await chat(await start(), body))).at(-1);
    expect(last?.choices).toEqual([]);
    expect(last?.usage).toEqual({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
  });

  it('of a completion are text', async () => {
    const body = { model: 'm', prompt: 'x', max_tokens: 3, stream: true };
    const chunks = await chunksOf<OpenAI.Completion>(
      await post(await start(), '/v1/completions', body),
    );
    expect(
      chunks
        .map((c) => c.choices[0]?.text)
        .join('')
        .split(' '),
    ).toHaveLength(3);
  });

  it('call tools as well', async () => {
    const tools = [{ type: 'function', function: { name: 'search', parameters: {} } }];
    const messages = [{ role: 'user', content: 'use a tool' }];
    const chunks = await chunksOf<Chunk>(
      await chat(await start(), { tools, messages, stream: true }),
    );
    const calls = chunks.flatMap((c) => c.choices[0]?.delta.tool_calls ?? []);
    expect(calls[0]?.function?.name).toBe('search');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });
});

describe('embeddings', () => {
  it('are eight numbers that depend on the text only', async () => {
    const body = { model: 'embed', input: ['one text', 'another'] };
    const emulator = await start();
    const [first, again] = [
      await jsonOf<Embeddings>(post(emulator, '/v1/embeddings', body)),
      await jsonOf<Embeddings>(post(emulator, '/v1/embeddings', body)),
    ];
    expect(first.data).toEqual(again.data);
    expect(first.data.map((d) => d.embedding.length)).toEqual([8, 8]);
    expect(first.usage).toEqual({ prompt_tokens: 4, total_tokens: 4 });
  });

  it('are the same numbers in base64, as the official client asks for them', async () => {
    const emulator = await start();
    const client = new OpenAI({ baseURL: `${emulator.url}/v1`, apiKey: 'x', maxRetries: 0 });
    const decoded = await client.embeddings.create({ model: 'embed', input: 'one text' });
    const plain = await jsonOf<Embeddings>(
      post(emulator, '/v1/embeddings', { model: 'embed', input: 'one text' }),
    );
    const numbers = decoded.data[0]?.embedding ?? [];
    expect([...numbers]).toEqual(plain.data[0]?.embedding.map(Math.fround));
  });
});

describe('refusals', () => {
  it.each([
    ['an unknown model', '/v1/chat/completions', { ...CHAT, model: 'other' }, 404],
    ['bad JSON', '/v1/chat/completions', '{"model":', 400],
    ['a body without a model', '/v1/completions', { prompt: 'x' }, 400],
    ['a limit below one token', '/v1/chat/completions', { ...CHAT, max_tokens: -1 }, 400],
    ['a limit beyond any context', '/v1/chat/completions', { ...CHAT, max_tokens: 1e10 }, 400],
    ['an unknown path', '/v1/audio', { model: 'm' }, 404],
  ])('of %s are errors in the OpenAI form', async (_, path, body, status) => {
    const response = await post(await start(), path, body);
    expect(response.status).toBe(status);
    const { error } = await jsonOf<{ error: object }>(response);
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
  });

  it.each([
    ['max_tokens', '/v1/chat/completions', { ...CHAT, max_tokens: 0 }],
    ['tools[0]', '/v1/chat/completions', { ...CHAT, tools: [null] }],
    ['response_format', '/v1/chat/completions', { ...CHAT, response_format: 'json' }],
    ['max_output_tokens', '/v1/responses', { model: 'm', input: 'x', max_output_tokens: 1.5 }],
    ['max_tokens', '/v1/messages', { ...CHAT, max_tokens: 1e308 }],
  ])('name the field %s in a sentence, at %s', async (field, path, body) => {
    const response = await post(await start(), path, body);
    expect(response.status).toBe(400);
    const { error } = await jsonOf<{ error: { message: string; param?: string } }>(response);
    expect(error.message).toMatch(/^Field "[^"]+": expected [^{}]+\.$/);
    expect(error.message).toContain(`"${field}"`);
    expect(error.param).toBe(path === '/v1/messages' ? undefined : field);
  });

  it('name a model that does not exist by its code', async () => {
    const answer = await jsonOf<{ error: { code: string } }>(
      chat(await start(), { model: 'other' }),
    );
    expect(answer.error.code).toBe('model_not_found');
  });

  it('are the answer to requests without the key', async () => {
    const emulator = await start({ apiKey: 'secret' });
    expect((await chat(emulator)).status).toBe(401);
    const headers = { authorization: 'Bearer secret' };
    expect((await chat(emulator, {}, { headers })).status).toBe(200);
  });
});

describe('tools', () => {
  it('say what they were called with', async () => {
    const emulator = await start();
    const answer = await jsonOf<{ contentType: string }>(
      post(emulator, '/tools/search?q=1', { service_ms: 50 }),
    );
    expect(answer).toMatchObject({
      ok: true,
      method: 'POST',
      path: '/tools/search',
      bodyBytes: 17,
    });
    expect(answer.contentType).toBe('application/json');
    const got = await fetch(`${emulator.url}/tools/x`, {
      headers: { 'x-emulator-service-ms': '9' },
    });
    expect(await got.json()).toMatchObject({ ok: true, method: 'GET' });
  });
});
