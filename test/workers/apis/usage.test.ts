/** Usage is read from every API's answers, and never from text that a model wrote. */
import { describe, expect, it } from 'vitest';
import { latinText } from '../../../src/apis/latin-text.ts';
import { PlainUsage, usageIn } from '../../../src/apis/usage.ts';

const encoder = new TextEncoder();

describe('the usage of a plain answer', () => {
  it('is read also of a long one, and not of its content', () => {
    const answer = JSON.stringify({
      choices: [{ message: { content: `"usage":{"prompt_tokens":1} ${'x'.repeat(50_000)}` } }],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 6,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
    const bytes = encoder.encode(answer);
    for (const size of [1, 7, 1_000, bytes.length]) {
      const usage = new PlainUsage();
      for (let at = 0; at < bytes.length; at += size)
        usage.push(latinText(bytes.subarray(at, at + size)));
      expect(usage.usage).toEqual({ inputTokens: 5, cachedTokens: 0, outputTokens: 6 });
    }
  });

  it('is unknown of an answer that has none', () => {
    const usage = new PlainUsage();
    usage.push('{"choices": [oops');
    expect(usage.usage).toBeUndefined();
  });

  const cases: Array<[string, object | string, object | undefined]> = [
    ['an embedding', { usage: { prompt_tokens: 3, total_tokens: 3 } }, { i: 3, o: 0 }],
    ['a ranking', { usage: { total_tokens: 9 } }, { i: 9, o: 0 }],
    ['Responses', { usage: { input_tokens: 4, output_tokens: 2 }, user: null }, { i: 4, o: 2 }],
    [
      'messages with a cache',
      {
        usage: {
          input_tokens: 1,
          cache_creation_input_tokens: 10,
          cache_read_input_tokens: 100,
          output_tokens: 2,
        },
      },
      { i: 111, o: 2 },
    ],
    ['a schema with such a field', { tools: [{ usage: { type: 'object' } }] }, undefined],
    [
      'a schema with such a field behind the usage',
      { usage: { input_tokens: 4, output_tokens: 2 }, text: { usage: { type: 'string' } } },
      { i: 4, o: 2 },
    ],
    ['null', { usage: null }, undefined],
    ['numbers that are none', '{"usage":{"prompt_tokens":-1,"completion_tokens":"a"}}', undefined],
    [
      'more than any call can take',
      '{"usage":{"prompt_tokens":1e300,"completion_tokens":2e9}}',
      undefined,
    ],
    ['an object without end', '{"usage":{"prompt_tokens":1', undefined],
  ];
  it.each(cases)('of %s', (_name, answer, wanted) => {
    const usage = usageIn(typeof answer === 'string' ? answer : JSON.stringify(answer));
    expect(usage && { i: usage.inputTokens, o: usage.outputTokens }).toEqual(wanted);
  });
});
