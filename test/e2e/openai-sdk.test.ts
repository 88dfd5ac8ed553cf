/** The official SDK with nothing but baseURL and apiKey changed. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../scripts/gpu/emulator.ts';
import { admin } from '../../scripts/stack.ts';
import { type Dispatcher, startDispatcher } from './harness.ts';

let dispatcher: Dispatcher;
let gpu: Emulator;
let client: OpenAI;

beforeAll(async () => {
  dispatcher = await startDispatcher();
  gpu = await startEmulator({
    models: ['m'],
    slots: 4,
    prefillMsPerToken: 0,
    decodeMsPerToken: 1,
  });
  const apiKey = await dispatcher.tenant('sdk', {
    backends: { m: { models: ['m'], endpoints: [{ url: `${gpu.url}/v1`, slots: 4 }] } },
  });
  client = new OpenAI({ baseURL: `${dispatcher.workerd.url}/v1`, apiKey, maxRetries: 0 });
});

afterAll(async () => {
  await dispatcher.close();
  await gpu.close();
});

const messages = [{ role: 'user' as const, content: 'Hello' }];

describe('the OpenAI SDK', () => {
  it('completes a chat', async () => {
    const answer = await client.chat.completions.create({ model: 'm', messages, max_tokens: 3 });
    expect(answer.choices[0]?.message.content).toBe('the quick brown');
    expect(answer.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 3 });
  });

  it('streams a chat, without a usage chunk that it did not ask for', async () => {
    const stream = await client.chat.completions.create({
      model: 'm',
      messages,
      max_tokens: 3,
      stream: true,
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((c) => c.choices[0]?.delta.content ?? '').join('')).toBe('the quick brown');
    expect(chunks.every((c) => c.choices.length === 1 && !c.usage)).toBe(true);
  });

  it('gets the usage chunk where it asked for it', async () => {
    const stream = await client.chat.completions.create({
      model: 'm',
      messages,
      max_tokens: 3,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
  });

  it('gets tool calls, completions, embeddings and models', async () => {
    const tool = { type: 'function' as const, function: { name: 'look_up', parameters: {} } };
    const called = await client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: 'use the tool' }],
      tools: [tool],
    });
    expect(called.choices[0]?.message.tool_calls?.[0]).toMatchObject({ type: 'function' });
    const completion = await client.completions.create({ model: 'm', prompt: 'a', max_tokens: 2 });
    expect(completion.choices[0]?.text).toBe('the quick');
    const embedding = await client.embeddings.create({ model: 'm', input: ['a', 'bb'] });
    expect(embedding.data.map((d) => d.embedding.length)).toEqual([8, 8]);
    const models = await client.models.list();
    expect(models.data.map((m) => m.id)).toEqual(['m']);
  });

  it('sees its own error classes', async () => {
    const unknown = client.chat.completions.create({ model: 'none', messages });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const wrongKey = new OpenAI({ baseURL: client.baseURL, apiKey: 'wrong', maxRetries: 0 });
    await expect(wrongKey.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    gpu.fault({ kind: '500' });
    const broken = client.chat.completions.create({ model: 'm', messages });
    await expect(broken).rejects.toMatchObject({ status: 502, code: 'upstream_error' });
  });

  it('sees a stream that breaks off as an error, not as an end', async () => {
    gpu.fault({ kind: 'cut' });
    const stream = await client.chat.completions.create({
      model: 'm',
      messages,
      max_tokens: 300,
      stream: true,
    });
    const read = async () => {
      for await (const chunk of stream) expect(chunk.choices).toHaveLength(1);
    };
    await expect(read()).rejects.toBeInstanceOf(OpenAI.APIError);
  });

  it('tells its application, run and unit by headers or in the body', async () => {
    const tell = (unit: string) => ({
      headers: { 'x-talaria-app': 'sdk-app', 'x-talaria-run': 'sdk-run', 'x-talaria-unit': unit },
    });
    const request = { model: 'm', messages, max_tokens: 2 };
    await client.chat.completions.create(request, tell('first'));
    await client.chat.completions.create({
      ...request,
      metadata: {
        talaria_app: 'sdk-app',
        talaria_run: 'sdk-run',
        talaria_unit: 'second',
        talaria_run_final: 'true',
      },
    });
    const path = '/tenants/sdk/runs?app=sdk-app';
    const [line] = (await admin(dispatcher.workerd.url, 'GET', path)).trim().split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({
      run: 'sdk-run',
      units: [{ unit: 'first' }, { unit: 'second' }],
    });
  });
});
