/** The Vercel AI SDK with its provider for OpenAI-compatible servers, against the dispatcher. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  embedMany,
  generateText,
  jsonSchema,
  Output,
  stepCountIs,
  streamText,
  tool,
} from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
let provider: ReturnType<typeof providerOf>;

function providerOf(apiKey: string, own?: typeof fetch) {
  return createOpenAICompatible({
    name: 'talaria',
    baseURL: bench.baseURL,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
    ...(own ? { fetch: own } : {}),
  });
}

beforeAll(async () => {
  bench = await startClientBench();
  provider = providerOf(bench.apiKey);
});

afterAll(() => bench.close());

const schema = jsonSchema<{ city: string }>({
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
});

describe('the AI SDK', () => {
  it('generates text, and streams it', async () => {
    const plain = await generateText({
      model: provider('m'),
      prompt: 'Hello',
      maxOutputTokens: 3,
    });
    expect(plain.text).toBe('the quick brown');
    expect(plain.usage).toMatchObject({ inputTokens: 2, outputTokens: 3 });
    const streamed = streamText({ model: provider('m'), prompt: 'Hello', maxOutputTokens: 3 });
    const pieces = [];
    for await (const piece of streamed.textStream) pieces.push(piece);
    expect(pieces.join('')).toBe('the quick brown');
    expect(await streamed.usage).toMatchObject({ inputTokens: 2, outputTokens: 3 });
    expect(await streamed.finishReason).toBe('length');
  });

  it('runs an agent that calls a tool', async () => {
    const asked: string[] = [];
    const lookUp = tool({
      description: 'looks it up',
      inputSchema: schema,
      execute: async ({ city }) => {
        asked.push(city);
        return 'sun';
      },
    });
    const answer = await generateText({
      model: provider('m'),
      prompt: 'use the tool',
      tools: { lookUp },
      stopWhen: stepCountIs(3),
    });
    expect(asked).toEqual(['the quick brown fox']);
    expect(answer.steps).toHaveLength(2);
    const streamed = streamText({
      model: provider('m'),
      prompt: 'use the tool',
      tools: { lookUp },
      stopWhen: stepCountIs(3),
    });
    await streamed.consumeStream();
    expect(await streamed.steps).toHaveLength(2);
    expect(asked).toHaveLength(2);
  });

  it('gets the structure that it asked for', async () => {
    const answer = await generateText({
      model: provider('m'),
      prompt: 'Hello',
      output: Output.object({ schema }),
    });
    expect(answer.output).toEqual({ city: 'the quick brown fox' });
  });

  it('embeds', async () => {
    const { embeddings } = await embedMany({
      model: provider.embeddingModel('m'),
      values: ['a', 'bb'],
    });
    expect(embeddings.map((e) => e.length)).toEqual([8, 8]);
  });

  it('throws its own errors, with the message of the answer', async () => {
    const unknown = generateText({ model: provider('none'), prompt: 'Hello', maxRetries: 0 });
    const error = await unknown.then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 404, isRetryable: false });
    expect(String(error)).toContain('The model "none" does not exist.');
  });

  it('sees a stream that breaks off as an error, not as an end', async () => {
    bench.gpu.fault({ kind: 'cut' });
    const errors: unknown[] = [];
    const streamed = streamText({
      model: provider('m'),
      prompt: 'Hello',
      maxOutputTokens: 3_000,
      maxRetries: 0,
    });
    await streamed.consumeStream({ onError: (error) => void errors.push(error) });
    expect(errors).toHaveLength(1);
  });

  it('retries by itself and is served', async () => {
    const { apiKey, fetch, statuses } = await bench.busyOnce();
    const answer = await generateText({
      model: providerOf(apiKey, fetch)('m'),
      prompt: 'Hello',
      maxOutputTokens: 2,
    });
    expect(answer.text).toBe('the quick');
    expect(statuses).toEqual([429, 200]);
  });

  it('aborts the call at the endpoint when it disconnects from a stream, and times out', async () => {
    const aborted = bench.aborts();
    const leave = new AbortController();
    const streamed = streamText({
      model: provider('m'),
      prompt: 'Hello',
      maxOutputTokens: 100_000,
      abortSignal: leave.signal,
    });
    for await (const _ of streamed.textStream) leave.abort();
    await aborted(1);
    const late = generateText({
      model: provider('m'),
      prompt: 'Hello',
      maxOutputTokens: 1_000,
      maxRetries: 0,
      abortSignal: AbortSignal.timeout(200),
    });
    await expect(late).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
