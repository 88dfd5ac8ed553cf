/** OpenAI's official SDK with only baseURL and apiKey changed. */
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
let client: OpenAI;

beforeAll(async () => {
  bench = await startClientBench();
  const { baseURL, apiKey } = bench;
  client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
});

afterAll(() => bench.close());

const messages = [{ role: 'user' as const, content: 'Hello' }];
const useTool = [{ role: 'user' as const, content: 'use the tool' }];
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 2 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
const tool = { type: 'function' as const, function: { name: 'look_up', parameters } };
const filled = { city: 'the quick brown fox', days: 2 };

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('chat completions', () => {
  it('are answered, with the id of the request', async () => {
    const answer = await client.chat.completions.create({ model: 'm', messages, max_tokens: 3 });
    expect(answer.choices[0]?.message.content).toBe('the quick brown');
    expect(answer.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 3 });
    expect(answer._request_id).toMatch(/^[\w-]{36}$/);
  });

  it('stream, without a usage chunk that was not asked for', async () => {
    const request = { model: 'm', messages, max_tokens: 3, stream: true } as const;
    const chunks = await all(await client.chat.completions.create(request));
    expect(chunks.map((c) => c.choices[0]?.delta.content ?? '').join('')).toBe('the quick brown');
    expect(chunks.every((c) => c.choices.length === 1 && !c.usage)).toBe(true);
  });

  it('stream the usage chunk where it was asked for', async () => {
    const stream = await client.chat.completions.create({
      model: 'm',
      messages,
      max_tokens: 3,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await all(stream);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
  });

  it('call tools, plain and streamed, and go on with their results', async () => {
    const request = { model: 'm', messages: useTool, tools: [tool] };
    const plain = await client.chat.completions.create(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    for (const answer of [plain, streamed]) {
      expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
      const [call] = answer.choices[0]?.message.tool_calls ?? [];
      expect(call).toMatchObject({ type: 'function', function: { name: 'look_up' } });
      if (call?.type !== 'function') throw new Error('no call of a function');
      expect(JSON.parse(call.function.arguments)).toEqual(filled);
      const result = { role: 'tool' as const, tool_call_id: call.id, content: 'sun' };
      const next = [...useTool, { role: 'assistant' as const, tool_calls: [call] }, result];
      const last = await client.chat.completions.create({ ...request, messages: next });
      expect(last.choices[0]?.finish_reason).toBe('stop');
    }
  });

  it('have the structure that was asked for', async () => {
    const json_schema = { name: 'weather', strict: true, schema: parameters };
    const response_format = { type: 'json_schema' as const, json_schema };
    const request = { model: 'm', messages, response_format };
    const plain = await client.chat.completions.parse(request);
    expect(plain.choices[0]?.message.parsed).toEqual(filled);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    expect(streamed.choices[0]?.message.parsed).toEqual(filled);
  });
});

describe('responses', () => {
  it('are answered, plain and streamed', async () => {
    const request = { model: 'm', input: 'Hello', max_output_tokens: 3 };
    const plain = await client.responses.create(request);
    expect(plain).toMatchObject({ status: 'incomplete', output_text: 'the quick brown' });
    expect(plain.usage).toMatchObject({ input_tokens: 2, output_tokens: 3 });
    const stream = client.responses.stream(request);
    const events = await all(stream);
    expect(events[0]?.type).toBe('response.created');
    expect(events.map((e) => e.sequence_number)).toEqual(events.map((_, i) => i));
    expect((await stream.finalResponse()).output_text).toBe('the quick brown');
  });

  it('call tools and have the structure that was asked for', async () => {
    const called = await client.responses.create({
      model: 'm',
      input: useTool,
      tools: [{ type: 'function', name: 'look_up', parameters, strict: true }],
    });
    const [call] = called.output;
    if (call?.type !== 'function_call') throw new Error('no call of a function');
    expect(call.name).toBe('look_up');
    expect(JSON.parse(call.arguments)).toEqual(filled);
    const parsed = await client.responses.parse({
      model: 'm',
      input: 'Hello',
      text: { format: { type: 'json_schema', name: 'w', schema: parameters, strict: true } },
    });
    expect(parsed.output_parsed).toEqual(filled);
  });

  it('that break off are errors, not an end', async () => {
    bench.gpu.fault({ kind: 'cut' });
    const stream = await client.responses.create({
      model: 'm',
      input: 'Hello',
      max_output_tokens: 3_000,
      stream: true,
    });
    await expect(all(stream)).rejects.toThrow();
  });

  it('cannot be stored, and the error says so', async () => {
    const kept = client.responses.retrieve('resp_1');
    await expect(kept).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(kept).rejects.toMatchObject({ code: 'response_not_found' });
    const later = client.responses.create({ model: 'm', input: 'Hello', background: true });
    await expect(later).rejects.toMatchObject({ status: 400, param: 'background' });
  });
});

describe('the other APIs', () => {
  it('complete, embed, moderate and list', async () => {
    const completion = await client.completions.create({ model: 'm', prompt: 'a', max_tokens: 2 });
    expect(completion.choices[0]?.text).toBe('the quick');
    const embedding = await client.embeddings.create({ model: 'm', input: ['a', 'bb'] });
    expect(embedding.data.map((d) => d.embedding.length)).toEqual([8, 8]);
    const moderation = await client.moderations.create({ model: 'm', input: 'x' });
    expect(moderation.results).toHaveLength(1);
    const models = await client.models.list();
    expect(models.data.map((m) => m.id)).toEqual(['m']);
    expect(await client.models.retrieve('m')).toMatchObject({ id: 'm', object: 'model' });
  });

  it('pass sound and pictures byte for byte', async () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) % 256);
    const file = await toFile(bytes, 'a.bin');
    const heard = await client.audio.transcriptions.create({ file, model: 'm' });
    expect(heard.text).toMatch(/^[0-9a-f]{64}$/);
    const translated = await client.audio.translations.create({ model: 'm', file });
    expect(translated.text).not.toBe(heard.text);
    const spoken = await client.audio.speech.create({ model: 'm', voice: 'alloy', input: 'Hi' });
    const sound = new Uint8Array(await spoken.arrayBuffer());
    expect(sound).toEqual(Uint8Array.from({ length: 4_096 }, (_, i) => i % 256));
    const drawn = await client.images.generate({ model: 'm', prompt: 'a fox' });
    expect(drawn.data?.[0]?.b64_json).toBeDefined();
    const edited = await client.images.edit({ model: 'm', image: file, prompt: 'brown' });
    // The emulated endpoint's image is the whole form that it received.
    const form = Buffer.from(edited.data?.[0]?.b64_json ?? '', 'base64');
    expect(form.includes(Buffer.from(bytes))).toBe(true);
  });

  it('name a model that does not exist, also in a multipart form', async () => {
    const file = await toFile(Uint8Array.of(1), 'a.bin');
    const unknown = client.audio.transcriptions.create({ file, model: 'none' });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe('errors', () => {
  it('have the error classes of the SDK', async () => {
    const unknown = client.chat.completions.create({ model: 'none', messages });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const { baseURL } = client;
    const wrongKey = new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 });
    await expect(wrongKey.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const empty = client.chat.completions.create({ model: 'm', messages: [] });
    await expect(empty).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(empty).rejects.toMatchObject({ param: 'messages' });
    const named = client.chat.completions.create(
      { model: 'none', messages },
      { headers: { 'x-request-id': 'my-own-id-1' } },
    );
    await expect(named).rejects.toMatchObject({ requestID: 'my-own-id-1' });
  });

  it('of a stream that breaks off are errors, not an end', async () => {
    bench.gpu.fault({ kind: 'cut' });
    const stream = await client.chat.completions.create({
      model: 'm',
      messages,
      max_tokens: 3_000,
      stream: true,
    });
    await expect(all(stream)).rejects.toThrow();
  });
});

describe('a client that is refused, that disconnects, or that times out', () => {
  it('retries by itself and is served', async () => {
    const { apiKey, fetch, statuses } = await bench.busyOnce();
    const patient = new OpenAI({ baseURL: bench.baseURL, apiKey, fetch });
    const answer = await patient.chat.completions.create({ model: 'm', messages, max_tokens: 2 });
    expect(answer.choices[0]?.message.content).toBe('the quick');
    expect(statuses).toEqual([429, 200]);
  });

  it('aborts the call at the endpoint when it disconnects from a stream', async () => {
    const aborted = bench.aborts();
    const request = { model: 'm', messages, max_tokens: 100_000, stream: true } as const;
    for await (const _ of await client.chat.completions.create(request)) break;
    const leave = new AbortController();
    const stream = await client.responses.create(
      { model: 'm', input: 'Hello', max_output_tokens: 100_000, stream: true },
      { signal: leave.signal },
    );
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') leave.abort();
    }
    await aborted(2);
  });

  it('gives up by its own signal and by its own time limit', async () => {
    // Long enough to disconnect from, short enough to end by itself, because the runtime does not
    // notice a client that closes its connection normally while nothing is sent.
    const request = { model: 'm', messages, max_tokens: 1_000 };
    const leave = new AbortController();
    const left = client.chat.completions.create(request, { signal: leave.signal });
    setTimeout(() => leave.abort(), 50);
    await expect(left).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    const late = client.chat.completions.create(request, { timeout: 200 });
    await expect(late).rejects.toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
  });
});

describe('the identity that a client sends', () => {
  it('is taken from headers or from the body', async () => {
    const tell = (unit: string) => ({
      headers: { 'x-talaria-app': 'sdk-app', 'x-talaria-run': 'sdk-run', 'x-talaria-unit': unit },
    });
    const request = { model: 'm', messages, max_tokens: 2 };
    await client.chat.completions.create(request, tell('first'));
    await client.responses.create({
      model: 'm',
      input: 'Hello',
      max_output_tokens: 5,
      metadata: {
        talaria_app: 'sdk-app',
        talaria_run: 'sdk-run',
        talaria_unit: 'second',
        talaria_run_final: 'true',
      },
    });
    const path = '/tenants/clients/runs?app=sdk-app';
    const [line] = (await admin(bench.dispatcher.workerd.url, 'GET', path)).trim().split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({
      run: 'sdk-run',
      units: [
        { unit: 'first', calls: [{ input_tokens: 2, output_tokens: 2 }] },
        { unit: 'second', calls: [{ input_tokens: 2, output_tokens: 5 }] },
      ],
    });
  });
});
