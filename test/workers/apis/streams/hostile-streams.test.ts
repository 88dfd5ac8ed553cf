/**
 * Answers that a hostile endpoint or client makes as expensive as possible. The work is linear in
 * their bytes, counted here in characters examined, parsed and decoded, and what is stored of them
 * is bounded.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ByteTail } from '../../../../src/apis/byte-tail.ts';
import { latinText } from '../../../../src/apis/latin-text.ts';
import type { AnswerFormat } from '../../../../src/apis/streams/answer-format.ts';
import { AnswerStream } from '../../../../src/apis/streams/answer-stream.ts';
import { eventOf } from '../../../../src/apis/streams/event-splitter.ts';
import type { StreamKind } from '../../../../src/apis/streams/stream-reading.ts';
import { findUsage, PlainUsage, usageIn } from '../../../../src/apis/usage.ts';

const encoder = new TextEncoder();
const FORMATS: ReadonlyArray<Exclude<AnswerFormat, 'opaque'>> = ['openai', 'responses', 'messages'];
const USAGE = '{"prompt_tokens":5,"completion_tokens":6}';
/** Usage objects nested in usage objects, each complete but without counts. */
const nested = (depth: number) => `${'{"usage":'.repeat(depth)}{}${'}'.repeat(depth)}`;

afterEach(() => vi.restoreAllMocks());

/** The number of characters parsed as JSON and bytes decoded while `act` ran. */
function workOf(act: () => void): number {
  let work = 0;
  const parse = JSON.parse;
  vi.spyOn(JSON, 'parse').mockImplementation((text, reviver) => {
    work += String(text).length;
    return parse(text, reviver);
  });
  const decode = TextDecoder.prototype.decode;
  vi.spyOn(TextDecoder.prototype, 'decode').mockImplementation(function (
    this: TextDecoder,
    ...args: Parameters<TextDecoder['decode']>
  ) {
    work += (args[0] as Uint8Array | undefined)?.byteLength ?? 0;
    return decode.apply(this, args);
  });
  act();
  vi.restoreAllMocks();
  return work;
}

describe('a search for usage', () => {
  it.each([
    ['the key without end', '"usage":{'],
    ['the key with blanks', '"usage"                 '],
    ['the key alone', '"usage"'],
    ['small objects', '"usage":{"a":1},'],
    ['open braces', '{'],
    ['closed braces', '"usage":{}}}}}}'],
  ])('examines few characters of %s', (_what, unit) => {
    for (const length of [100, 1_000, 65_536, 1_000_000]) {
      const text = unit.repeat(Math.ceil(length / unit.length));
      expect(findUsage(text).examined).toBeLessThanOrEqual(8 * Math.min(text.length, 8_192));
      expect(findUsage(text).usage).toBeUndefined();
    }
  });

  it('parses no nested object repeatedly', () => {
    const text = nested(5_000);
    expect(workOf(() => usageIn(text))).toBeLessThanOrEqual(8 * 8_192);
  });

  it('finds the usage before and after text that only looks like it', () => {
    const wanted = { inputTokens: 5, outputTokens: 6 };
    expect(usageIn(`${'"usage":{'.repeat(7_000)} "usage":${USAGE}`)).toEqual(wanted);
    expect(usageIn(`"usage":${USAGE}, ${'"usage":{},'.repeat(7)}`)).toEqual(wanted);
  });
});

describe('a hostile stream', () => {
  const units: Array<[string, string]> = [
    ['usage without end in small events', `data: ${'"usage":{'.repeat(20)}\n\n`],
    ['usage without end in large events', `data: ${'"usage":{'.repeat(7_000)}\n\n`],
    ['usage within usage', `data: ${nested(3_000)}\n\n`],
    [
      'usage within usage in the last event',
      `event: response.completed\ndata: ${nested(3_000)}\n\n`,
    ],
    ['usage within usage at the end', `event: message_delta\ndata: ${nested(3_000)}\n\n`],
    ['finish reasons', `data: ${'{"choices":[{"index":1,"finish_reason":"stop"}]}'}\n\n`],
    ['usage chunks', `data: {"choices":[],"usage":${USAGE}}\n\n`],
    ['lines of data', 'data:\n'.repeat(10_000).concat('\n')],
    ['empty events', '\n'],
    ['empty events with CRLF', '\r\n'],
    ['comments', ':\n'],
    ['events of one character', 'data:x\n\n'],
    ['an event without end', 'data: x'],
  ];

  it.each(units)('of %s costs work in proportion to its bytes', (_what, unit) => {
    for (const format of FORMATS) {
      const [once, twice] = [150_000, 300_000].map((length) => {
        const bytes = encoder.encode(unit.repeat(Math.ceil(length / unit.length)));
        let passed = 0;
        let isOver = false;
        const work = workOf(() => {
          const stream = new AnswerStream({ format, stripUsage: false, choices: 2 });
          for (let at = 0; at < bytes.length; at += 4_096) {
            passed += stream.push(bytes.subarray(at, at + 4_096)).length;
          }
          passed += stream.end().rest.length;
          isOver = stream.isOver;
        });
        // Behind the last event of the API nothing is passed on.
        if (!isOver) expect(bytes.length - passed).toBeLessThanOrEqual(65_536);
        expect(work).toBeLessThanOrEqual(12 * bytes.length + 100_000);
        return work;
      });
      expect(twice).toBeLessThanOrEqual(2.5 * (once ?? 0) + 100_000);
    }
  });

  it('in single bytes passes unchanged, whatever the length of its event', () => {
    const bytes = encoder.encode(`data: ${'x'.repeat(65_000)}\n\n`);
    const stream = new AnswerStream({ format: 'openai', stripUsage: false });
    const passed = [...bytes].map((_, i) => stream.push(bytes.subarray(i, i + 1)));
    expect(passed.filter((part) => part.length > 0)).toHaveLength(1);
    expect(passed.reduce((n, part) => n + part.length, 0)).toBe(bytes.length);
  });

  it('with a million empty events and comments passes in one piece', () => {
    const bytes = encoder.encode('\n: c\r\n\r\n'.repeat(100_000));
    const stream = new AnswerStream({ format: 'openai', stripUsage: true });
    expect(stream.push(bytes)).toBe(bytes);
  });

  it('with any number of choices keeps a bounded number of them', () => {
    const stream = new AnswerStream({ format: 'openai', stripUsage: false, choices: 5_000 });
    for (let index = 0; index < 5_000; index += 1) {
      const event = `data: {"choices":[{"index":${index},"finish_reason":"stop"}]}\n\n`;
      stream.push(encoder.encode(event));
    }
    for (const index of ['"a"', '-1.5', '{}', 'null']) {
      stream.push(encoder.encode(`data: {"choices":[{"index":${index},"finish_reason":"x"}]}\n\n`));
    }
    expect(stream.end().state).toBe('open');
    stream.push(encoder.encode('data: [DONE]\n\n'));
    expect(stream.end().state).toBe('complete');
  });
});

describe('a stream of anything', () => {
  const ends = fc.constantFrom('\n', '\r\n', '\r');
  const line = fc.oneof(
    fc.constantFrom(
      '',
      ':',
      ': c',
      'data',
      'data:',
      'data: ',
      'id: 7',
      'event: error',
      'd',
      'dat:',
    ),
    fc.constantFrom('event: message_start', 'event:message_delta', 'event: response.completed'),
    fc.constantFrom('data: [DONE]', 'data:[DONE] ', 'data: {"error":{}}', 'data: "grüße 🚀"'),
    fc.constant(`data: {"choices":[],"usage":${USAGE}}`),
    fc.constant('data: {"choices":[{"index":0,"finish_reason":"stop"}]}'),
    fc.constant('data: {"type":"response.output_text.delta","sequence_number":4}'),
    fc.string().map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`.toWellFormed()),
  );
  const text = fc
    .tuple(fc.constantFrom('', '\ufeff'), fc.array(fc.tuple(line, ends), { maxLength: 12 }))
    .map(([mark, lines]) => mark + lines.flat().join(''));
  const readIn = (bytes: Uint8Array, size: number, kind: StreamKind) => {
    const stream = new AnswerStream(kind);
    const passed: number[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      passed.push(...stream.push(bytes.slice(at, at + size)));
    }
    const { state, rest } = stream.end();
    passed.push(...rest);
    const { usage, pieces, isOver } = stream;
    return { passed, state, usage, pieces, isOver };
  };

  it('is read and passed on the same in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        text,
        fc.constantFrom(...FORMATS),
        fc.boolean(),
        fc.integer({ min: 1, max: 30 }),
        (drawn, format, stripUsage, size) => {
          const bytes = encoder.encode(drawn);
          const kind = { format, stripUsage };
          const whole = readIn(bytes, bytes.length + 1, kind);
          expect(readIn(bytes, size, kind)).toEqual(whole);
          // Nothing is passed on behind the last event.
          const came = whole.isOver ? bytes.slice(0, whole.passed.length) : bytes;
          if (!stripUsage && whole.state !== 'open') expect(whole.passed).toEqual([...came]);
        },
      ),
      { numRuns: 1_000, seed: 15 },
    );
  });
});

describe("the endpoint's key in a stream", () => {
  const KEY = 'sk-0123456789abcdef';
  const stream = () => new AnswerStream({ format: 'openai', stripUsage: false, key: KEY });
  const textOf = (...parts: Uint8Array[]) => parts.map((p) => new TextDecoder().decode(p)).join('');
  const delta = 'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n';

  it.each([
    ['the whole event', `data: {"error":{"message":"bad key ${KEY}"}}\n\n`],
    ['an event with other fields', `data: {"id":"x","error":{"message":"${KEY}"}}\n\n`],
    ['an error as an object', `data: {"object":"error","message":"${KEY}"}\n\n`],
    ['an event of many lines', `event: error\ndata: {"error":\ndata: {"x":"${KEY}"}}\n\n`],
  ])('is taken out of %s, in whatever pieces it comes', (_what, event) => {
    const bytes = encoder.encode(delta + event);
    for (const size of [1, 7, bytes.length]) {
      const one = stream();
      const parts = [];
      for (let at = 0; at < bytes.length; at += size)
        parts.push(one.push(bytes.slice(at, at + size)));
      const text = textOf(...parts, one.end().rest);
      expect(text.startsWith(delta)).toBe(true);
      expect(text).toContain('[key]');
      expect(text).not.toContain(KEY);
    }
  });

  it('does not follow an error: nothing does', () => {
    const error = 'data: {"error":{"code":1}}\n\n';
    const bytes = encoder.encode(`${delta}${error}x: ${KEY}\n\n`);
    for (const size of [1, 7, bytes.length]) {
      const one = stream();
      const parts = [];
      for (let at = 0; at < bytes.length; at += size)
        parts.push(one.push(bytes.slice(at, at + size)));
      expect(textOf(...parts, one.end().rest)).toBe(delta + error);
    }
  });

  it('is not in an error that is too long to be searched: the stream ends before it', () => {
    const long = `data: {"error":{"message":"${'x'.repeat(70_000)} ${KEY}"}}\n\n`;
    const bytes = encoder.encode(delta + long + delta);
    for (const size of [1_000, 5_000]) {
      const one = stream();
      const parts = [];
      for (let at = 0; at < bytes.length; at += size)
        parts.push(one.push(bytes.slice(at, at + size)));
      const { state, rest } = one.end();
      const text = textOf(...parts, rest);
      expect([one.isOver, state]).toEqual([true, 'failed']);
      expect(text.startsWith(delta)).toBe(true);
      expect(text).toMatch(/data: \{"error":\{"message":"The endpoint reported a fault .*\n\n$/);
      expect(text).not.toContain(KEY);
      expect(text.length).toBeLessThan(1_000);
    }
  });

  it('is not looked for without end: a stream of errors is ended', () => {
    const one = stream();
    const event = encoder.encode(`data: {"error":{"message":"${'\\u0041'.repeat(1_000)}"}}\n\n`);
    let passed = 0;
    const work = workOf(() => {
      for (let i = 0; i < 200; i += 1) passed += one.push(event).length;
    });
    expect(one.isOver).toBe(true);
    expect(passed).toBeLessThan(300_000);
    expect(work).toBeLessThan(2_000_000);
  });

  it('in content is content', () => {
    const one = stream();
    const event = encoder.encode(
      `data: {"choices":[{"delta":{"content":"\\"error\\": ${KEY}"}}]}\n\n`,
    );
    expect(one.push(event)).toBe(event);
  });
});

describe('the end of an answer', () => {
  it('is kept, whatever pieces it comes in', () => {
    const whole = Uint8Array.from({ length: 3_000 }, (_, i) => i);
    for (const size of [1, 3, 99, 100, 101, 250, 3_000]) {
      const tail = new ByteTail(100);
      for (let at = 0; at < whole.length; at += size) {
        tail.push(whole.subarray(at, at + size));
        const end = Math.min(at + size, whole.length);
        expect(tail.bytes).toEqual(whole.subarray(Math.max(0, end - 100), end));
      }
    }
  });

  it('of an answer is read where it comes in single bytes', () => {
    const bytes = encoder.encode(`${'x'.repeat(50_000)},"usage":${USAGE}}`);
    const usage = new PlainUsage();
    for (let i = 0; i < bytes.length; i += 1) usage.push(latinText(bytes.subarray(i, i + 1)));
    expect(usage.usage).toEqual({ inputTokens: 5, outputTokens: 6 });
  });
});

describe('the fields of an event', () => {
  it.each([
    ['data: a\n\n', undefined, 'a'],
    ['data:a\r\ndata: b\r\revent: e\r\n\r\n', 'e', 'a\nb'],
    ['event:e', 'e', undefined],
    [': c\nid: 1\n\n', undefined, undefined],
    ['data:\rdata\ndata: \n\n', undefined, '\n'],
    ['', undefined, undefined],
  ])('of %j are read', (text, name, data) => {
    expect(eventOf(text)).toEqual({ name, data });
  });
});
