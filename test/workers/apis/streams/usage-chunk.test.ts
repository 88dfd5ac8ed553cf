/** OpenAI's extra usage chunk, which is taken out where only Talaria asked for it. */
import { describe, expect, it } from 'vitest';
import {
  chunkOf,
  type Leftover,
  leftoverOf,
  mergedInto,
} from '../../../../src/apis/streams/usage-chunk.ts';

describe('the usage chunk', () => {
  it.each([
    '{"choices":[],"usage":{"prompt_tokens":1}}',
    '{\n "choices" : [ ],\n "usage": {"prompt_tokens":1} }',
    '{"choices":null,"usage":{"prompt_tokens":1}}',
    '{"id":"1","object":"chat.completion.chunk","usage":{"prompt_tokens":1}}',
    '{"choices":[],"usage":{"prompt_tokens":1},"system_fingerprint":"x","kv_transfer_params":null}',
  ])('goes where it says nothing else: %s', (data) => {
    expect(leftoverOf(data)?.isEmpty).toBe(true);
  });

  it.each([
    // Results of a prompt filter come in such a chunk, before all others.
    '{"choices":[],"usage":null,"prompt_filter_results":[]}',
    '{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}',
    `{"choices":[{"delta":${JSON.stringify({ content: '"usage" "choices":[]' })}}]}`,
    '{"choices":[],"usage":{',
    '[DONE]',
    '"usage"',
  ])('is not one that the client would have got anyway: %s', (data) => {
    expect(leftoverOf(data)).toBeUndefined();
  });

  it('leaves what else stands in it, byte for byte, beside an empty choice', () => {
    const timings = '"timings":{"prompt_ms":12.50,"predicted_n":12345678901234567890}';
    const left = leftoverOf(`{"choices":[],"id":"a","usage":{"prompt_tokens":1}, ${timings}}`);
    expect(left && chunkOf(left)).toBe(
      `{"choices":[{"index":0,"delta":{},"finish_reason":null}],"id":"a",${timings}}`,
    );
    const text = `{"object":"text_completion","choices":[],"usage":{"prompt_tokens":1},${timings}}`;
    expect(chunkOf(leftoverOf(text) as Leftover)).toContain(
      '"choices":[{"index":0,"text":"","finish_reason":null}]',
    );
  });

  it('is put into another chunk, which says what it says itself', () => {
    const timings = '"timings":{"prompt_ms":12.50}';
    const data = `{"id":"b","choices":[],"usage":{},${timings},"a\\"b":[1]}`;
    const left = leftoverOf(data) as Leftover;
    expect(mergedInto('{"id":"a","choices":[{}]}', left)).toBe(
      `{"id":"a","choices":[{}],${timings},"a\\"b":[1]}`,
    );
    expect(mergedInto('{"timings":1}', left)).toBe('{"timings":1,"a\\"b":[1]}');
    expect(mergedInto('[DONE]', left)).toBeUndefined();
  });
});
