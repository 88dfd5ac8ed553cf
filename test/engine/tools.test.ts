/** Calls of tools by a real engine, in each API: the engine's own parser finds them in what it says. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EOS_ID, TOOL_CALL_ID } from '../../scripts/engine/vocabulary.ts';
import { type EngineBench, found, startBench } from './engine-bench.ts';

/**
 * Random weights call no tools by themselves: the engine is started with a preference for the token
 * that begins a call, and for the end, which its grammar allows only after a call.
 */
const prefers =
  found.kind === 'program' && found.isRandom
    ? ['--logit-bias', `${TOOL_CALL_ID}+40`, '--logit-bias', `${EOS_ID}+60`]
    : [];
const messages = [{ role: 'user' as const, content: 'What is the weather in Rome?' }];
const parameters = {
  type: 'object' as const,
  properties: { city: { enum: ['Rome', 'Paris'] }, days: { type: 'integer' } },
  required: ['city', 'days'],
};
const tools = [{ type: 'function' as const, function: { name: 'get_weather', parameters } }];

let bench: EngineBench;
let client: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  bench = await startBench({ engines: [{ more: prefers }] });
  const { baseURL, apiKey } = bench;
  client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ''), apiKey, maxRetries: 0 });
});

afterAll(() => bench?.close());

it('chat completions call tools, plain and streamed, and go on with the result', async () => {
  const request = {
    model: bench.model,
    messages,
    tools,
    tool_choice: 'required' as const,
    max_tokens: 300,
  };
  const plain = await client.chat.completions.create(request);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  for (const answer of [plain, streamed]) {
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = answer.choices[0]?.message.tool_calls ?? [];
    if (call?.type !== 'function') throw new Error('no call of a function');
    expect(call.function.name).toBe('get_weather');
    expect(['Rome', 'Paris']).toContain(JSON.parse(call.function.arguments).city);
    const next = await client.chat.completions.create({
      model: bench.model,
      messages: [
        ...messages,
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: call.id, content: 'sun' },
      ],
      max_tokens: 5,
    });
    expect(next.choices[0]?.finish_reason).toMatch(/stop|length/);
  }
});

it.each([false, true])('messages call tools (streamed: %s)', async (streams) => {
  const request: Anthropic.MessageCreateParamsNonStreaming = {
    model: bench.model,
    messages,
    max_tokens: 300,
    tools: [{ name: 'get_weather', input_schema: parameters }],
    tool_choice: { type: 'any' },
  };
  const answer = streams
    ? await anthropic.messages.stream(request).finalMessage()
    : await anthropic.messages.create(request);
  expect(answer.stop_reason).toBe('tool_use');
  const [use] = answer.content.filter((block) => block.type === 'tool_use');
  expect(use).toMatchObject({ name: 'get_weather' });
});

it('responses call tools', async () => {
  const answer = await client.responses.create({
    model: bench.model,
    input: 'What is the weather?',
    tools: [{ type: 'function', name: 'get_weather', parameters, strict: false }],
    tool_choice: 'required',
    max_output_tokens: 300,
  });
  const calls = answer.output.filter((item) => item.type === 'function_call');
  expect(calls[0]).toMatchObject({ name: 'get_weather' });
});
