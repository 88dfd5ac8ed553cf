/** Streams are passed byte for byte, whatever the pieces they come in; usage is read in passing. */
import { describe, expect, it } from 'vitest';
import { PlainUsage, StreamUsage } from '../../src/usage.ts';
import { UsageFilter } from '../../src/usage-filter.ts';

const encoder = new TextEncoder();
const CONTENT = [
  'data: {"choices":[{"delta":{"content":"grüße 🚀"}}]}\n\n',
  ': a comment\n\n',
  'data: {"choices":[{"delta":{"content":"the word \\"usage\\" itself"}}]}\n\n',
];
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":7}}\n\n';
const END = 'data: [DONE]\n\n';

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((p) => [...p]));
}

describe('the filter of the usage chunk', () => {
  const whole = encoder.encode([...CONTENT, USAGE, END].join(''));
  const wanted = encoder.encode([...CONTENT, END].join(''));

  it('takes it out and nothing else, split at every position', () => {
    for (let at = 0; at <= whole.length; at += 1) {
      const filter = new UsageFilter();
      const parts = [whole.slice(0, at), whole.slice(at)].map((p) => filter.push(p));
      expect(concat([...parts, filter.flush()])).toEqual(wanted);
    }
  });

  it('takes it out byte by byte, and with line ends of two characters', () => {
    const crlf = encoder.encode([...CONTENT, USAGE, END].join('').replaceAll('\n', '\r\n'));
    const filter = new UsageFilter();
    const parts = [...crlf].map((byte) => filter.push(Uint8Array.of(byte)));
    const text = [...CONTENT, END].join('').replaceAll('\n', '\r\n');
    expect(concat([...parts, filter.flush()])).toEqual(encoder.encode(text));
  });

  it('passes on what a stream that was cut had sent', () => {
    const filter = new UsageFilter();
    const cut = encoder.encode('data: {"choi');
    expect(filter.push(cut)).toHaveLength(0);
    expect(filter.flush()).toEqual(cut);
  });

  it('does not hold back an event of any length', () => {
    const filter = new UsageFilter();
    const long = encoder.encode(`data: ${'x'.repeat(100_000)}`);
    expect(filter.push(long)).toEqual(long);
    expect(filter.push(encoder.encode('\n\n'))).toEqual(encoder.encode('\n\n'));
    expect(filter.push(encoder.encode(USAGE))).toHaveLength(0);
  });
});

describe('usage', () => {
  it('is read of a stream, split at every position', () => {
    const whole = encoder.encode([...CONTENT, USAGE, END].join(''));
    for (let at = 0; at <= whole.length; at += 1) {
      const usage = new StreamUsage();
      usage.push(whole.slice(0, at));
      usage.push(whole.slice(at));
      expect(usage.usage).toEqual({ inputTokens: 12, outputTokens: 7 });
      expect(usage.end()).toBe(true);
    }
  });

  it('is estimated by the number of events where none came', () => {
    const usage = new StreamUsage();
    usage.push(encoder.encode(CONTENT.join('')));
    expect(usage).toMatchObject({ events: 2, usage: undefined });
    expect(usage.end()).toBe(false);
  });

  it('of a stream whose last line has no end is read all the same', () => {
    const usage = new StreamUsage();
    usage.push(encoder.encode([...CONTENT, USAGE, 'data: [DONE]'].join('')));
    expect(usage.end()).toBe(true);
    expect(usage.usage).toEqual({ inputTokens: 12, outputTokens: 7 });
  });

  it('is read of a plain answer, also of a long one, and not of its content', () => {
    const answer = JSON.stringify({
      choices: [{ message: { content: `"usage":{"prompt_tokens":1} ${'x'.repeat(50_000)}` } }],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 6,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
    const usage = new PlainUsage();
    usage.push(encoder.encode(answer));
    expect(usage.usage).toEqual({ inputTokens: 5, outputTokens: 6 });
  });

  it('is unknown of an answer that has none', () => {
    const usage = new PlainUsage();
    usage.push(encoder.encode('{"choices": [oops'));
    expect(usage.usage).toBeUndefined();
  });
});
