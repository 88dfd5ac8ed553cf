/**
 * What a real engine answers reaches the client as the engine said it: plain and streamed,
 * structured output, several answers in a call, each API that the engine speaks, and its own
 * fields.
 */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf, until } from '../e2e/harness.ts';
import { type EngineBench, eventData, startBench, words } from './engine-bench.ts';

let bench: EngineBench;
let client: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  bench = await startBench();
  const { baseURL, apiKey } = bench;
  client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: baseURL.replace(/\/v1$/, ''), apiKey, maxRetries: 0 });
});

afterAll(async () => {
  await until(
    () => statusOf(bench.dispatcher.workerd.url, bench.tenant),
    (s) => Object.values(s).every((b) => b.running === 0 && b.waiting === 0),
  );
  expect(bench.dispatcher.workerd.log()).not.toMatch(/internal_error|report_lost|alarm_failed/);
  await bench.close();
});

const messages = [{ role: 'user' as const, content: 'Tell me about the river.' }];
const parameters = {
  type: 'object',
  properties: { city: { enum: ['Rome', 'Paris'] }, days: { type: 'integer' } },
  required: ['city', 'days'],
  additionalProperties: false,
};
describe('chat completions', () => {
  it('are plain, with the engine’s own timings and counts', async () => {
    const answer = await (
      await bench.post('/chat/completions', { messages, max_tokens: 8 })
    ).json();
    expect(answer.usage.completion_tokens).toBe(8);
    expect(answer.choices[0].finish_reason).toBe('length');
    expect(answer.timings).toMatchObject({ predicted_n: 8 });
    const { prompt_n, cache_n } = answer.timings;
    expect(prompt_n + cache_n).toBe(answer.usage.prompt_tokens);
  });

  it('are streamed without usage that was not asked for, but with the timings', async () => {
    const request = { messages, max_tokens: 8, stream: true };
    const response = await bench.post('/chat/completions', request);
    const events = eventData(await response.text());
    expect(events.at(-1)).toBe('[DONE]');
    const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
    expect(chunks.filter((chunk) => chunk.usage)).toEqual([]);
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    // As the engine itself tells them to a client that asks for no usage.
    const itself = eventData(await (await bench.postToEngine('/chat/completions', request)).text());
    const timed = (texts: string[]) => texts.filter((text) => text.includes('"timings"')).length;
    expect(timed(events)).toBe(timed(itself));
  });

  it('are streamed with usage that was asked for', async () => {
    const stream = await client.chat.completions.create({
      model: bench.model,
      messages,
      max_tokens: 5,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
  });

  it.each([false, true])(
    'have the structure that was asked for (streamed: %s)',
    async (streams) => {
      const schema = {
        ...parameters,
        properties: { ...parameters.properties, note: { type: 'string', maxLength: 40 } },
      };
      const request = {
        model: bench.model,
        messages,
        response_format: {
          type: 'json_schema' as const,
          json_schema: { name: 'forecast', strict: true, schema },
        },
      };
      const answer = streams
        ? await client.chat.completions.stream(request).finalChatCompletion()
        : await client.chat.completions.create(request);
      expect(answer.choices[0]?.finish_reason).toBe('stop');
      const told = JSON.parse(answer.choices[0]?.message.content ?? '');
      expect(['Rome', 'Paris']).toContain(told.city);
      expect(Number.isInteger(told.days)).toBe(true);
    },
  );

  it('obey a grammar, a field that OpenAI does not have', async () => {
    const grammar = 'root ::= "yes" | "no"';
    const answer = await (
      await bench.post('/chat/completions', { messages, grammar, max_tokens: 20 })
    ).json();
    expect(['yes', 'no']).toContain(answer.choices[0].message.content);
  });

  it('have log probabilities where they are asked for', async () => {
    const answer = await client.chat.completions.create({
      model: bench.model,
      messages,
      max_tokens: 3,
      logprobs: true,
      top_logprobs: 2,
    });
    expect(answer.choices[0]?.logprobs?.content).toHaveLength(3);
  });

  it('tell which tokens the engine had in its cache', async () => {
    const long = [{ role: 'user' as const, content: words(600, 'cached') }];
    const request = { model: bench.model, messages: long, max_tokens: 2 };
    const first = await client.chat.completions.create(request);
    const second = await client.chat.completions.create(request);
    const sent = first.usage?.prompt_tokens ?? 0;
    expect(second.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(sent * 0.9);
  });

  it.each([false, true])('give several answers to one prompt (streamed: %s)', async (streams) => {
    const request = { messages, max_tokens: 6, n: 3, stream: streams };
    const response = await bench.post('/chat/completions', request);
    const text = await response.text();
    if (!streams) {
      const { choices } = JSON.parse(text);
      expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
      return;
    }
    const events = eventData(text);
    const finished = events
      .slice(0, -1)
      .flatMap((event) => JSON.parse(event).choices)
      .filter((choice) => choice.finish_reason);
    expect(finished.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    expect(events.at(-1)).toBe('[DONE]');
  });
});

describe('text completions', () => {
  it.each([false, true])('answer several prompts at once (streamed: %s)', async (streams) => {
    const prompt = ['The river', 'The sea', 'The moon'];
    const request = { prompt, max_tokens: 6, stream: streams };
    const text = await (await bench.post('/completions', request)).text();
    if (!streams) {
      expect(JSON.parse(text).choices).toHaveLength(3);
      return;
    }
    const events = eventData(text);
    // llama-server begins such streams with an event that is `null`.
    const finished = events
      .filter((event) => event !== '[DONE]')
      .flatMap((event) => JSON.parse(event)?.choices ?? [])
      .filter((choice) => choice.finish_reason);
    expect(finished.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    expect(events.at(-1)).toBe('[DONE]');
  });
});

describe('Responses', () => {
  it('are plain and streamed', async () => {
    const request = { model: bench.model, input: 'Tell me.', max_output_tokens: 5 };
    const plain = await client.responses.create(request);
    expect(plain.output_text.length).toBeGreaterThan(0);
    // Not by the SDK's accumulator, which wants fields that this engine leaves out.
    const events = [];
    for await (const event of await client.responses.create({ ...request, stream: true })) {
      events.push(event);
    }
    expect(events.at(-1)).toMatchObject({
      type: 'response.completed',
      response: { usage: { output_tokens: 5 } },
    });
  });
});

describe('Messages', () => {
  const request = { max_tokens: 5, messages };

  it('are plain and streamed', async () => {
    const plain = await anthropic.messages.create({ model: bench.model, ...request });
    expect(plain).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 5 } });
    const streamed = await anthropic.messages
      .stream({ model: bench.model, ...request })
      .finalMessage();
    expect(streamed).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 5 } });
  });

  it('are counted by the engine', async () => {
    const counted = await anthropic.messages.countTokens({ model: bench.model, messages });
    const plain = await anthropic.messages.create({ model: bench.model, ...request });
    const { input_tokens, cache_read_input_tokens } = plain.usage;
    expect(counted.input_tokens).toBe(input_tokens + (cache_read_input_tokens ?? 0));
  });
});

it('a refusal of the engine keeps its words and code', async () => {
  const wrong = { messages, max_tokens: 5, grammar: 'root ::= (' };
  const [through, itself] = await Promise.all([
    bench.post('/chat/completions', wrong),
    bench.postToEngine('/chat/completions', wrong),
  ]);
  expect(through.status).toBe(itself.status);
  const told = await through.json();
  const said = await itself.json();
  expect(told.error.message).toContain(said.error.message);
  expect(told.error.type).toBe(said.error.type);
});
