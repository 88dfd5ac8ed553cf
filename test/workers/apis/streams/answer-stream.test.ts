/**
 * Streams pass byte for byte, however they are divided into pieces and however their lines end;
 * only OpenAI's usage chunk is removed, if the client did not ask for it. Usage, the end of the
 * stream and faults are read as each API writes them.
 */
import { describe, expect, it } from 'vitest';
import { AnswerStream } from '../../../../src/apis/streams/answer-stream.ts';
import type { StreamKind } from '../../../../src/apis/streams/stream-reading.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const CONTENT = [
  'data: {"choices":[{"index":0,"delta":{"content":"grüße 🚀"}}]}\n\n',
  ': a comment\n\n',
  'data:{"choices":[{"index":0,"delta":{"content":"the word \\"usage\\" itself"}}]}\n\n',
  'id: 7\nevent: x\ndata: {"choices":\ndata: [{"index":0,"delta":{"content":"b"}}]}\n: in it\n\n',
  '\n\n',
];
const FINISH = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":7}}\n\n';
const TIMED =
  'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":7},"timings":{"prompt_ms":1.50}}\n\n';
const TIMED_FINISH = FINISH.replace('}]}', '}],"timings":{"prompt_ms":1.50}}');
const USAGE_IN_LINES =
  'data:{"choices":\ndata: [],\ndata: "usage":{"prompt_tokens":12,"completion_tokens":7}}\n\n';
const DONE = 'data: [DONE]\n\n';

const RESPONSES = [
  'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"usage":null}}\n\n',
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,"delta":"grüße"}\n\n',
  'data: {"sequence_number":2,"type":"response.output_text.delta","delta":"🚀"}\n\n',
];
const COMPLETED =
  'event: response.completed\ndata: {"type":"response.completed","sequence_number":3,"response":{"output":[],"usage":{"input_tokens":12,"output_tokens":7}}}\n\n';

const MESSAGES = [
  'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":12,"output_tokens":1}}}\n\n',
  'event: ping\ndata: {"type": "ping"}\n\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"grüße 🚀"}}\n\n',
];
const STOPPED =
  'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}\n\n' +
  'event: message_stop\ndata: {"type":"message_stop"}\n\n';

const OPENAI: StreamKind = { format: 'openai', stripUsage: false };
const STRIP: StreamKind = { format: 'openai', stripUsage: true };
const LINE_ENDS = [
  ['LF', '\n'],
  ['CRLF', '\r\n'],
  ['CR', '\r'],
] as const;

/** The bytes that pass when the text comes in these pieces, and the stream that read it. */
function passed(kind: StreamKind, pieces: readonly Uint8Array[]) {
  const stream = new AnswerStream(kind);
  const parts = pieces.map((piece) => stream.push(piece));
  const { state, rest } = stream.end();
  const bytes = new Uint8Array([...parts, rest].flatMap((part) => [...part]));
  return { stream, state, bytes };
}

function halves(bytes: Uint8Array, at: number): Uint8Array[] {
  return [bytes.slice(0, at), bytes.slice(at)];
}

const bytewise = (bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte));

describe.each(LINE_ENDS)('a stream whose lines end with %s', (_name, end) => {
  const text = (...events: string[]) => encoder.encode(events.join('').replaceAll('\n', end));

  const apis: Array<[string, StreamKind, Uint8Array]> = [
    ['chat', OPENAI, text(...CONTENT, FINISH, USAGE, DONE)],
    ['Responses', { format: 'responses', stripUsage: false }, text(...RESPONSES, COMPLETED)],
    ['messages', { format: 'messages', stripUsage: false }, text(...MESSAGES, STOPPED)],
  ];
  it.each(apis)('of %s passes unchanged and is read, cut anywhere', (_api, kind, whole) => {
    const ways = Array.from({ length: whole.length + 1 }, (_, at) => halves(whole, at));
    for (const pieces of [...ways, bytewise(whole)]) {
      const { stream, state, bytes } = passed(kind, pieces);
      expect(bytes).toEqual(whole);
      expect(state).toBe('complete');
      expect(stream.usage).toEqual({ inputTokens: 12, outputTokens: 7 });
    }
  });

  it.each([USAGE, USAGE_IN_LINES])('loses the usage chunk and nothing else', (usage) => {
    const whole = text(...CONTENT, FINISH, usage, DONE);
    const wanted = text(...CONTENT, FINISH, DONE);
    const ways = Array.from({ length: whole.length + 1 }, (_, at) => halves(whole, at));
    for (const pieces of [...ways, bytewise(whole)]) {
      const { stream, bytes } = passed(STRIP, pieces);
      expect(decoder.decode(bytes)).toBe(decoder.decode(wanted));
      expect(stream.usage).toEqual({ inputTokens: 12, outputTokens: 7 });
    }
  });

  it('has what else was in the usage chunk in the event with the finish reason', () => {
    const whole = text(...CONTENT, FINISH, TIMED, DONE);
    const wanted = decoder.decode(text(...CONTENT, TIMED_FINISH, DONE));
    const ways = Array.from({ length: whole.length + 1 }, (_, at) => halves(whole, at));
    for (const pieces of [...ways, bytewise(whole)]) {
      expect(decoder.decode(passed(STRIP, pieces).bytes)).toBe(wanted);
    }
  });

  it('interrupts no comment between the two', () => {
    const whole = text(FINISH, ': c\n\n', TIMED, DONE);
    const whatever = (event: string) => [text(event, ': c\n\n'), text(': c\n\n', event)];
    const wanted = [TIMED_FINISH, FINISH].flatMap(whatever).map((bytes) => decoder.decode(bytes));
    const ways = Array.from({ length: whole.length + 1 }, (_, at) => halves(whole, at));
    for (const pieces of [...ways, bytewise(whole)]) {
      const read = decoder.decode(passed(STRIP, pieces).bytes);
      expect(wanted.some((beginning) => read.startsWith(beginning))).toBe(true);
    }
  });

  it('lets the event with the finish reason wait for the next one, or until it is asked for', () => {
    const waiting = (kind = STRIP) => {
      const stream = new AnswerStream(kind);
      const first = stream.push(text(FINISH));
      return { stream, first };
    };
    for (const next of [DONE, FINISH, 'data: {"error":{"message":"x"}}\n\n']) {
      const { stream, first } = waiting();
      expect(first.length).toBe(0);
      expect(stream.finishWaits).toBe(true);
      const bytes = [...stream.push(text(next)), ...stream.end().rest];
      expect(decoder.decode(Uint8Array.from(bytes))).toBe(decoder.decode(text(FINISH, next)));
    }
    const { stream } = waiting();
    expect(stream.finish()).toEqual(text(FINISH));
    expect(stream.finishWaits).toBe(false);
    // It has passed: what else is in the usage chunk comes beside an empty choice.
    expect(decoder.decode(stream.push(text(TIMED)))).toContain('"finish_reason":null');
    expect(waiting(OPENAI).first).toEqual(text(FINISH));
  });

  it('passes each event as soon as it is whole, and comments at once', () => {
    const stream = new AnswerStream(STRIP);
    for (const event of CONTENT) {
      const bytes = text(event);
      expect(stream.push(bytes)).toEqual(bytes);
    }
    const alone = text(': still here\n');
    expect(stream.push(alone)).toEqual(alone);
    expect(stream.push(text(': half'))).toEqual(text(': half'));
  });
});

describe('how a stream ended', () => {
  const stateOf = (kind: StreamKind, ...events: string[]) =>
    passed(kind, [encoder.encode(events.join(''))]).state;
  const responses: StreamKind = { format: 'responses', stripUsage: false };
  const messages: StreamKind = { format: 'messages', stripUsage: false };

  it('is recognised in a chat by [DONE], or by a finish reason for each choice', () => {
    expect(stateOf(OPENAI, ...CONTENT)).toBe('open');
    expect(stateOf(OPENAI, ...CONTENT, DONE)).toBe('complete');
    expect(stateOf(OPENAI, ...CONTENT, 'data: [DONE]')).toBe('complete');
    expect(stateOf(OPENAI, ...CONTENT, FINISH)).toBe('complete');
    expect(stateOf({ ...OPENAI, choices: 2 }, FINISH)).toBe('open');
    const second = FINISH.replace('"index":0', '"index":1');
    expect(stateOf({ ...OPENAI, choices: 2 }, FINISH, FINISH)).toBe('open');
    expect(stateOf({ ...OPENAI, choices: 2 }, FINISH, second)).toBe('complete');
    const nothing = FINISH.replace('"stop"', 'null');
    expect(stateOf(OPENAI, nothing)).toBe('open');
    const quoted = JSON.stringify({ content: '"finish_reason":"stop"' });
    expect(stateOf(OPENAI, `data: {"choices":[{"delta":${quoted}}]}\n\n`)).toBe('open');
  });

  it('is recognised in Responses and Messages by their last events', () => {
    expect(stateOf(responses, ...RESPONSES)).toBe('open');
    expect(stateOf(responses, ...RESPONSES, COMPLETED)).toBe('complete');
    const incomplete = COMPLETED.replaceAll('response.completed', 'response.incomplete');
    expect(stateOf(responses, incomplete)).toBe('complete');
    expect(stateOf(messages, ...MESSAGES)).toBe('open');
    expect(stateOf(messages, ...MESSAGES, STOPPED)).toBe('complete');
  });

  it('is a fault where the endpoint itself said so', () => {
    const error = '{"error":{"message":"x"}}';
    expect(stateOf(OPENAI, ...CONTENT, `data: ${error}\n\n`, DONE)).toBe('failed');
    expect(stateOf(OPENAI, FINISH.replace('"choices"', '"error":null,"choices"'))).toBe('complete');
    const failed = COMPLETED.replaceAll('response.completed', 'response.failed');
    expect(stateOf(responses, failed)).toBe('failed');
    expect(stateOf(responses, 'event: error\ndata: {"type":"error"}\n\n')).toBe('failed');
    const overloaded = '{"type":"error","error":{"type":"overloaded_error"}}';
    expect(stateOf(messages, `event: error\ndata: ${overloaded}\n\n`)).toBe('failed');
  });

  it('is otherwise a fault in the form of the API, and an incomplete event is dropped', () => {
    const fault = (kind: StreamKind, ...events: string[]) => {
      const { stream, bytes } = passed(kind, [encoder.encode(events.join(''))]);
      const told = decoder.decode(stream.fault({ code: 'upstream_error', message: 'It broke.' }));
      return decoder.decode(bytes) + told;
    };
    const chat = fault(OPENAI, ...CONTENT, 'data: {"cho');
    expect(chat.slice(0, CONTENT.join('').length)).toBe(CONTENT.join(''));
    expect(chat).not.toContain('{"cho\n');
    expect(chat).toMatch(/\n\ndata: \{"error":\{"message":"It broke\.".*"upstream_error"\}\}\n\n$/);
    expect(fault(responses, ...RESPONSES)).toMatch(
      /event: error\ndata: \{"type":"error","sequence_number":3,"code":"upstream_error".*\n\n$/,
    );
    expect(fault(messages, ...MESSAGES)).toMatch(
      /event: error\ndata: \{"type":"error","error":\{"type":"api_error","message":"It broke\."\}\}\n\n$/,
    );
  });
});

describe('a long event', () => {
  it('is passed on without waiting for its end', () => {
    const stream = new AnswerStream(STRIP);
    const long = encoder.encode(`data: ${'x'.repeat(100_000)}`);
    expect(stream.push(long)).toEqual(long);
    expect(stream.push(encoder.encode('\n\n'))).toEqual(encoder.encode('\n\n'));
    expect(stream.push(encoder.encode(USAGE))).toHaveLength(0);
  });

  it('is read by its beginning and its end', () => {
    const text = 'grüße '.repeat(40_000);
    const event = COMPLETED.replace('"output":[]', `"output":[{"text":"${text}"}]`);
    const whole = encoder.encode([...RESPONSES, event].join(''));
    for (const size of [1_000, 65_537, whole.length]) {
      const pieces = [];
      for (let at = 0; at < whole.length; at += size) pieces.push(whole.slice(at, at + size));
      const { stream, state, bytes } = passed({ format: 'responses', stripUsage: false }, pieces);
      expect(bytes.length).toBe(whole.length);
      expect(state).toBe('complete');
      expect(stream.usage).toEqual({ inputTokens: 12, outputTokens: 7 });
    }
  });
});

describe('output where no usage came', () => {
  it.each([
    ['openai', CONTENT, 3],
    ['responses', RESPONSES, 2],
    ['messages', MESSAGES, 1],
  ] as const)('of %s is estimated by the events with content', (format, events, pieces) => {
    const { stream } = passed({ format, stripUsage: false }, [encoder.encode(events.join(''))]);
    expect(stream.pieces).toBe(pieces);
  });
});
