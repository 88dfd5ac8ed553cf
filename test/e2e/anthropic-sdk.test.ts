/** Anthropic's official SDK with only baseURL and apiKey changed. */
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admin } from '../../scripts/stack.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
let baseURL: string;
let client: Anthropic;

beforeAll(async () => {
  bench = await startClientBench();
  baseURL = bench.dispatcher.workerd.url;
  client = new Anthropic({ baseURL, apiKey: bench.apiKey, maxRetries: 0 });
});

afterAll(() => bench.close());

const messages = [{ role: 'user' as const, content: 'Hello' }];
const useTool = [{ role: 'user' as const, content: 'use the tool' }];
const request = { model: 'm', messages, max_tokens: 3 };
const input_schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' } },
  required: ['city'],
};
const tools = [{ name: 'look_up', input_schema }];

describe('messages', () => {
  it('are answered, with the id of the request', async () => {
    const answer = await client.messages.create(request);
    expect(answer.content).toMatchObject([{ type: 'text', text: 'the quick brown' }]);
    expect(answer).toMatchObject({ stop_reason: 'max_tokens', role: 'assistant' });
    expect(answer.usage).toMatchObject({ input_tokens: 2, output_tokens: 3 });
    expect(answer._request_id).toMatch(/^[\w-]{36}$/);
  });

  it('stream, and come out the same', async () => {
    const stream = client.messages.stream({ ...request, system: 'Be brief.' });
    const types = new Set<string>();
    for await (const event of stream) types.add(event.type);
    expect([...types]).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    const answer = await stream.finalMessage();
    expect(answer.content).toMatchObject([{ type: 'text', text: 'the quick brown' }]);
    expect(answer.usage.output_tokens).toBe(3);
  });

  it('call tools, plain and streamed, and go on with their results', async () => {
    const calling = { model: 'm', max_tokens: 50, messages: useTool, tools };
    const plain = await client.messages.create(calling);
    const streamed = await client.messages.stream(calling).finalMessage();
    for (const answer of [plain, streamed]) {
      expect(answer.stop_reason).toBe('tool_use');
      const [block] = answer.content;
      if (block?.type !== 'tool_use') throw new Error('no use of a tool');
      expect(block).toMatchObject({ name: 'look_up', input: { city: 'the quick brown fox' } });
      const result = { type: 'tool_result' as const, tool_use_id: block.id, content: 'sun' };
      const next = await client.messages.create({
        ...calling,
        messages: [
          ...useTool,
          { role: 'assistant', content: answer.content },
          { role: 'user', content: [result] },
        ],
      });
      expect(next.content).toMatchObject([{ type: 'text' }]);
    }
  });

  it('have the structure that was asked for', async () => {
    const format = { type: 'json_schema' as const, schema: input_schema };
    const answer = await client.messages.create({
      ...request,
      max_tokens: 50,
      output_config: { format },
    });
    const [block] = answer.content;
    expect(block?.type === 'text' && JSON.parse(block.text)).toEqual({
      city: 'the quick brown fox',
    });
  });

  it('are counted, also while no slot is free', async () => {
    expect(await client.messages.countTokens({ model: 'm', messages })).toMatchObject({
      input_tokens: 2,
    });
    const { apiKey } = await bench.busyOnce();
    const busy = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
    expect(await busy.messages.countTokens({ model: 'm', messages })).toMatchObject({
      input_tokens: 2,
    });
    await expect(busy.messages.create(request)).rejects.toBeInstanceOf(Anthropic.RateLimitError);
  });

  it('are learned from with their tokens', async () => {
    const headers = { 'x-talaria-app': 'claude', 'x-talaria-run': 'claude-run' };
    await client.messages.create(request, { headers });
    const final = { ...headers, 'x-talaria-run-final': 'true' };
    await client.messages.stream({ ...request, max_tokens: 4 }, { headers: final }).finalMessage();
    const path = '/tenants/clients/runs?app=claude';
    const [line] = (await admin(baseURL, 'GET', path)).trim().split('\n');
    const { units } = JSON.parse(line ?? '');
    expect(units.flatMap((u: { calls: object[] }) => u.calls)).toEqual([
      { input_tokens: 2, output_tokens: 3 },
      { input_tokens: 2, output_tokens: 4 },
    ]);
  });
});

describe('models', () => {
  it('are listed in the form that the SDK reads', async () => {
    const models = await client.models.list();
    expect(models.data).toMatchObject([{ type: 'model', id: 'm', display_name: 'm' }]);
    expect(models.has_more).toBe(false);
    expect(await client.models.retrieve('m')).toMatchObject({ id: 'm', type: 'model' });
    await expect(client.models.retrieve('none')).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });
});

describe('errors', () => {
  const errorOf = async (call: Promise<unknown>) => {
    const error = await call.then(
      () => undefined,
      (e: unknown) => e,
    );
    if (!(error instanceof Anthropic.APIError)) throw new Error(`no error of the API: ${error}`);
    return error;
  };

  it('have the error classes of the SDK and the form of the API', async () => {
    const wrongKey = new Anthropic({ baseURL, apiKey: 'wrong', maxRetries: 0 });
    // The endpoint itself refuses max_tokens above its limit.
    const tooLong = { ...request, max_tokens: 200_000 };
    const cases: Array<[() => Promise<unknown>, unknown, string]> = [
      [
        () => client.messages.create({ ...request, model: 'none' }),
        Anthropic.NotFoundError,
        'not_found_error',
      ],
      [
        () => client.messages.create({ ...request, messages: [] }),
        Anthropic.BadRequestError,
        'invalid_request_error',
      ],
      [
        () => wrongKey.messages.create(request),
        Anthropic.AuthenticationError,
        'authentication_error',
      ],
      [() => client.get('/v1/messages/nothing'), Anthropic.NotFoundError, 'not_found_error'],
      [
        () => client.messages.create(tooLong, { timeout: 60_000 }),
        Anthropic.BadRequestError,
        'invalid_request_error',
      ],
    ];
    for (const [call, type, name] of cases) {
      const error = await errorOf(call());
      expect(error).toBeInstanceOf(type);
      expect(error.error).toMatchObject({ type: 'error', error: { type: name } });
      expect(error.requestID).toMatch(/^[\w-]{36}$/);
    }
  });

  it('of an endpoint that fails to count tokens have it as well', async () => {
    bench.gpu.fault({ kind: '500' });
    const error = await errorOf(client.messages.countTokens({ model: 'm', messages }));
    expect(error.status).toBe(502);
    expect(error.error).toMatchObject({ error: { type: 'api_error' } });
  });

  it('of a body that is too large have it as well', async () => {
    const huge = [{ role: 'user' as const, content: 'x'.repeat(10_100_000) }];
    const error = await errorOf(client.messages.create({ ...request, messages: huge }));
    expect(error.status).toBe(413);
    expect(error.error).toMatchObject({ error: { type: 'request_too_large' } });
  });

  it('of a stream that breaks off are errors, not an end', async () => {
    bench.gpu.fault({ kind: 'cut' });
    const stream = client.messages.stream({ ...request, max_tokens: 3_000 });
    await expect(stream.finalMessage()).rejects.toThrow();
  });
});

describe('a client that is refused, that disconnects, or that times out', () => {
  it('retries by itself and is served', async () => {
    const { apiKey, fetch, statuses } = await bench.busyOnce();
    const patient = new Anthropic({ baseURL, apiKey, fetch });
    const answer = await patient.messages.create(request);
    expect(answer.stop_reason).toBe('max_tokens');
    expect(statuses).toEqual([429, 200]);
  });

  it('aborts the call at the endpoint when it disconnects from a stream', async () => {
    const aborted = bench.aborts();
    const stream = await client.messages.create({ ...request, max_tokens: 100_000, stream: true });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    await aborted(1);
  });

  it('gives up by its own time limit', async () => {
    const late = client.messages.create({ ...request, max_tokens: 1_000 }, { timeout: 200 });
    await expect(late).rejects.toBeInstanceOf(Anthropic.APIConnectionTimeoutError);
  });
});
