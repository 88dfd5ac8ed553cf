/** LangChain's OpenAI client, over chat completions and over Responses. */
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;

beforeAll(async () => {
  bench = await startClientBench();
});

afterAll(() => bench.close());

type Fields = Partial<ConstructorParameters<typeof ChatOpenAI>[0] & object>;

function chat(fields: Fields = {}, own?: { apiKey: string; fetch: typeof fetch }): ChatOpenAI {
  const { baseURL } = bench;
  return new ChatOpenAI({
    model: 'm',
    apiKey: own?.apiKey ?? bench.apiKey,
    maxRetries: 0,
    configuration: { baseURL, ...(own ? { fetch: own.fetch } : {}) },
    ...fields,
  });
}

const weather = z.object({ city: z.string() });
const lookUp = tool(async ({ city }: z.infer<typeof weather>) => `sun in ${city}`, {
  name: 'look_up',
  description: 'looks it up',
  schema: weather,
});

describe.each([false, true])('LangChain with useResponsesApi: %s', (useResponsesApi) => {
  it('invokes and streams', async () => {
    const model = chat({ maxTokens: 3, useResponsesApi });
    const answer = await model.invoke('Hello');
    expect(answer.text).toBe('the quick brown');
    expect(answer.usage_metadata).toMatchObject({ input_tokens: 2, output_tokens: 3 });
    let text = '';
    for await (const piece of await model.stream('Hello')) text += piece.text;
    expect(text).toBe('the quick brown');
  });

  it('calls tools and goes on with their results', async () => {
    const model = chat({ useResponsesApi }).bindTools([lookUp]);
    const question = new HumanMessage('use the tool');
    const answer = await model.invoke([question]);
    const [call] = answer.tool_calls ?? [];
    expect(call).toMatchObject({ name: 'look_up', args: { city: 'the quick brown fox' } });
    const content = await lookUp.invoke(weather.parse(call?.args));
    const result = new ToolMessage({ content, tool_call_id: call?.id ?? '' });
    const last = await model.invoke([question, answer, result]);
    expect(last.tool_calls).toEqual([]);
    expect(last.text).toContain('the quick');
  });

  it('gets the structure that it asked for', async () => {
    const model = chat({ useResponsesApi }).withStructuredOutput(weather, { method: 'jsonSchema' });
    expect(await model.invoke('Hello')).toEqual({ city: 'the quick brown fox' });
  });

  it('sees a stream that breaks off as an error, not as an end', async () => {
    bench.gpu.fault({ kind: 'cut' });
    const stream = await chat({ maxTokens: 3_000, useResponsesApi }).stream('Hello');
    const read = async () => {
      for await (const piece of stream) expect(piece.text).toBeTypeOf('string');
    };
    await expect(read()).rejects.toThrow();
  });

  it('aborts the call at the endpoint when it disconnects from a stream', async () => {
    const aborted = bench.aborts();
    const stream = await chat({ maxTokens: 100_000, useResponsesApi }).stream('Hello');
    for await (const piece of stream) if (piece.text !== '') break;
    await aborted(1);
  });
});

describe('LangChain', () => {
  it('gets structured output by a required tool call', async () => {
    const model = chat().withStructuredOutput(weather, { method: 'functionCalling' });
    expect(await model.invoke('Hello')).toEqual({ city: 'the quick brown fox' });
  });

  it('embeds', async () => {
    const { apiKey, baseURL } = bench;
    const embeddings = new OpenAIEmbeddings({ model: 'm', apiKey, configuration: { baseURL } });
    const vectors = await embeddings.embedDocuments(['a', 'bb']);
    expect(vectors.map((v) => v.length)).toEqual([8, 8]);
  });

  it('throws errors with their code, and times out', async () => {
    const unknown = chat({ model: 'none' }).invoke('Hello');
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    const late = chat({ maxTokens: 1_000, timeout: 200 }).invoke('Hello');
    await expect(late).rejects.toThrow(/timed? ?out/i);
  });

  it('retries by itself and is served', async () => {
    const own = await bench.busyOnce();
    const answer = await chat({ maxTokens: 2, maxRetries: 2 }, own).invoke('Hello');
    expect(answer.text).toBe('the quick');
    expect(own.statuses).toEqual([429, 200]);
  });
});
