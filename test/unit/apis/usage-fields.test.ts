/** What endpoints report of a call is read in every spelling, and each count is taken once. */
import { describe, expect, it } from 'vitest';
import { AnswerStream } from '../../../src/apis/streams/answer-stream.ts';
import { PlainUsage, usageIn } from '../../../src/apis/usage.ts';
import {
  readUsage,
  TIMING_FIELDS,
  USAGE_FIELDS,
  type UsageField,
} from '../../../src/apis/usage-fields.ts';

const encoder = new TextEncoder();

/** An object that has the field alone. */
function only({ path }: UsageField, value: unknown): Record<string, unknown> {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<
    string,
    unknown
  >;
}

describe.each([
  ['usage', USAGE_FIELDS],
  ['timings', TIMING_FIELDS],
] as const)('each field of %s', (object, fields) => {
  it.each(fields.map((field) => [field.path.join('.'), field] as const))('%s', (_name, field) => {
    const isTime = field.means.endsWith('-ms') || field.means.endsWith('-s');
    const needsInput = field.means.startsWith('cached') || field.means.startsWith('written');
    const beside = object === 'usage' ? { prompt_tokens: 100 } : { prompt_n: 100 };
    const sum = { prompt_tokens: 100, completion_tokens: 0, total_tokens: 107 };
    const needed = field.means === 'reasoning' ? sum : needsInput ? beside : {};
    const told = { ...needed, ...only(field, 7) };
    const usage = readUsage(told, fields);
    expect(usage && Object.values(usage).some((v) => v === 7 || v === 107 || v === 7_000)).toBe(
      field.means !== 'written-apart' || object === 'timings',
    );
    if (isTime) expect(usage).not.toHaveProperty('inputTokens');
    expect(usageIn(JSON.stringify({ [object]: told }))).toEqual(usage);
    for (const nothing of [null, -1, '7', Number.MAX_VALUE, {}]) {
      expect(readUsage(only(field, nothing), fields)).toBeUndefined();
    }
  });
});

describe('a whole report', () => {
  const cases: Array<[string, object, object]> = [
    [
      'xAI, and proxies of Gemini: reasoning beside the output, as the total shows',
      {
        usage: {
          prompt_tokens: 32,
          completion_tokens: 9,
          total_tokens: 135,
          completion_tokens_details: { reasoning_tokens: 94 },
        },
      },
      { inputTokens: 32, outputTokens: 103 },
    ],
    [
      'a proxy of Gemini that thought only',
      {
        usage: {
          completion_tokens: 0,
          total_tokens: 81,
          prompt_tokens: 21,
          completion_tokens_details: { reasoning_tokens: 60 },
        },
      },
      { inputTokens: 21, outputTokens: 60 },
    ],
    [
      'OpenAI: reasoning is a part of the output',
      {
        usage: {
          prompt_tokens: 10,
          completion_tokens: 90,
          total_tokens: 100,
          completion_tokens_details: { reasoning_tokens: 64 },
        },
      },
      { inputTokens: 10, outputTokens: 90 },
    ],
    [
      'a total that says nothing of the reasoning',
      {
        usage: {
          prompt_tokens: 10,
          completion_tokens: 20,
          total_tokens: 99,
          completion_tokens_details: { reasoning_tokens: 64 },
        },
      },
      { inputTokens: 10, outputTokens: 20 },
    ],
    [
      'OpenAI, vLLM and SGLang: the cached tokens are part of the prompt',
      { usage: { prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 64 } } },
      { inputTokens: 100, cachedTokens: 64, outputTokens: 0 },
    ],
    [
      'vLLM without the details',
      { usage: { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: null } },
      { inputTokens: 9, outputTokens: 2 },
    ],
    [
      'Responses',
      {
        usage: {
          input_tokens: 100,
          output_tokens: 5,
          input_tokens_details: { cached_tokens: 96 },
        },
      },
      { inputTokens: 100, cachedTokens: 96, outputTokens: 5 },
    ],
    [
      'Anthropic: the three parts of the input stand side by side',
      {
        usage: {
          input_tokens: 1,
          cache_creation_input_tokens: 10,
          cache_read_input_tokens: 100,
          cache_creation: { ephemeral_5m_input_tokens: 10 },
          output_tokens: 2,
        },
      },
      { inputTokens: 111, cachedTokens: 100, outputTokens: 2 },
    ],
    [
      'LiteLLM: the same parts within the prompt, each under two names',
      {
        usage: {
          prompt_tokens: 111,
          completion_tokens: 2,
          prompt_tokens_details: { cached_tokens: 100, cache_creation_tokens: 10 },
          cache_creation_input_tokens: 10,
          cache_read_input_tokens: 100,
        },
      },
      { inputTokens: 111, cachedTokens: 100, outputTokens: 2 },
    ],
    [
      'a gateway that took the cached part out of the prompt',
      { usage: { prompt_tokens: 1, completion_tokens: 2, cache_read_input_tokens: 100 } },
      { inputTokens: 101, cachedTokens: 100, outputTokens: 2 },
    ],
    [
      'DeepSeek',
      {
        usage: {
          prompt_tokens: 30,
          prompt_cache_hit_tokens: 10,
          prompt_cache_miss_tokens: 20,
          completion_tokens: 1,
        },
      },
      { inputTokens: 30, cachedTokens: 10, outputTokens: 1 },
    ],
    [
      'llama.cpp: usage, and times of its own',
      {
        usage: { prompt_tokens: 100, completion_tokens: 8 },
        timings: { cache_n: 90, prompt_n: 10, prompt_ms: 20, predicted_n: 8, predicted_ms: 160 },
      },
      { inputTokens: 100, cachedTokens: 90, outputTokens: 8, prefillMs: 20, decodeMs: 160 },
    ],
    [
      'llama.cpp without usage',
      { timings: { cache_n: 90, prompt_n: 10, prompt_ms: 20, predicted_n: 8, predicted_ms: 160 } },
      { inputTokens: 100, cachedTokens: 90, outputTokens: 8, prefillMs: 20, decodeMs: 160 },
    ],
    [
      'Groq: times in seconds',
      {
        usage: {
          queue_time: 1,
          prompt_tokens: 30,
          prompt_time: 0.5,
          completion_tokens: 9,
          completion_time: 0.25,
        },
      },
      { inputTokens: 30, outputTokens: 9, prefillMs: 500, decodeMs: 250 },
    ],
    [
      'more cached than there is',
      { usage: { prompt_tokens: 30, prompt_tokens_details: { cached_tokens: 31 } } },
      { inputTokens: 30, cachedTokens: 30, outputTokens: 0 },
    ],
  ];
  it.each(cases)('of %s', (_name, answer, wanted) => {
    const plain = new PlainUsage();
    plain.push(JSON.stringify({ choices: [{ text: 'a' }], ...answer }));
    expect(plain.usage).toEqual(wanted);
  });
});

describe('the end of a stream', () => {
  it('tells usage and times in one chunk or in two', () => {
    const usage = '"usage":{"prompt_tokens":100,"completion_tokens":8}';
    const timings = '"timings":{"cache_n":90,"prompt_n":10,"prompt_ms":20,"predicted_ms":160}';
    for (const events of [
      `data: {"choices":[],${usage},${timings}}\n\n`,
      `data: {"choices":[],${timings}}\n\ndata: {"choices":[],${usage}}\n\n`,
    ]) {
      const stream = new AnswerStream({ format: 'openai', stripUsage: false });
      stream.push(encoder.encode(events));
      expect(stream.usage).toEqual({
        ...{ inputTokens: 100, cachedTokens: 90, outputTokens: 8 },
        ...{ prefillMs: 20, decodeMs: 160 },
      });
    }
  });

  it.each([
    { prompt_tokens: 12, completion_tokens: 30, total_tokens: 0 },
    { prompt_tokens: 12, completion_tokens: 30, completion_tokens_details: { total_tokens: 0 } },
  ])('counts whatever a total of 0 says: %j', (usage) => {
    const counts = { inputTokens: 12, outputTokens: 30 };
    const zeros = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    const stream = new AnswerStream({ format: 'openai', stripUsage: false });
    for (const told of [usage, zeros, zeros, zeros]) {
      const event = JSON.stringify({ choices: [], usage: told });
      stream.push(encoder.encode(`data: ${event}\n\n`));
    }
    expect(stream.usage).toEqual(counts);
    expect(usageIn(JSON.stringify({ choices: [], usage }))).toEqual(counts);
  });

  it('of messages may tell the cached part of the input late', () => {
    const stream = new AnswerStream({ format: 'messages', stripUsage: false });
    stream.push(
      encoder.encode(
        'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":100,"output_tokens":0}}}\n\n' +
          'event: message_delta\ndata: {"type":"message_delta","usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":8}}\n\n',
      ),
    );
    expect(stream.usage).toEqual({ inputTokens: 100, cachedTokens: 90, outputTokens: 8 });
  });
});
