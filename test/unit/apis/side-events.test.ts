/** Events of others between the chunks of an answer: what is no error ends nothing and hides nothing. */
import { describe, expect, it } from 'vitest';
import { OpenAiStream } from '../../../src/apis/streams/openai-stream.ts';

const HELLO = { choices: [{ index: 0, delta: { content: 'Hello.' }, finish_reason: null }] };
const STOP = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
const PING = { type: 'ping' };
/** More than are parsed of one stream. */
const MANY = 5_000;

function streamOf(...events: readonly object[]): OpenAiStream {
  const stream = new OpenAiStream(1);
  for (const event of events) stream.read(undefined, JSON.stringify(event));
  return stream;
}

function manyWith(side: object): object[] {
  return Array.from({ length: MANY }, () => [HELLO, side]).flat();
}

describe('many side events', () => {
  it.each([PING, { type: 'status', message: 'running' }])(
    'leave the end to be seen: %j',
    (side) => {
      expect(streamOf(...manyWith(side), STOP).state).toBe('complete');
    },
  );

  it.each([
    { error: { message: 'It died.' } },
    { ...HELLO, error: { message: 'It died.' } },
    { object: 'error', message: 'It died.', code: 500 },
    { text: 'It died.', error_code: 50_002 },
    { message: 'It died.', type: 'InternalServerError', code: 500 },
  ])('leave an error to be seen: %j', (error) => {
    expect(streamOf(...manyWith(PING), error).state).toBe('failed');
  });
});

describe('behind content', () => {
  it.each([
    { type: 'status', code: 'python', message: 'running' },
    { success: false, status: 'x' },
    { code: 102, message: 'processing' },
    { status: 'CANCELLED' },
    { type: 'tool', error_code: 3, text: 'exit' },
    { type: 'tool', error_code: 50_002, text: 'exit' },
    { error_code: 10_402, text: 'exit' },
    { code: 500, message: 'lines', progress: 1 },
    { success: false, error: null },
    { base_resp: { status_code: 1_002, status_msg: 'limit' } },
  ])('no error: %j', (side) => {
    expect(streamOf(HELLO, side, HELLO).state).toBe('open');
    expect(streamOf(HELLO, side, STOP).state).toBe('complete');
  });

  it.each([
    { error: 'It died.' },
    { error: {} },
    { type: 'error', message: 'It died.' },
    { x_groq: { error: 'It died.' } },
    { choices: [{ index: 0, delta: {}, error: { code: 502 } }] },
    { choices: [{ index: 0, delta: {}, finish_reason: 'abort' }] },
    { text: '', error_code: 40_303, finish_reason: 'stop', usage: {} },
    { message: 'It died.', code: 503 },
    { message: 'It died.', type: 'server_error', code: null, param: null },
  ])('an error: %j', (error) => {
    expect(streamOf(HELLO, error, STOP).state).toBe('failed');
  });

  it('an error: a bare text', () => {
    const stream = streamOf(HELLO);
    stream.read(undefined, 'Error: it died');
    expect(stream.state).toBe('failed');
  });
});

describe('before content', () => {
  it.each([
    { success: false, status: 'x' },
    { status: 'CANCELLED' },
    { code: 1_002, message: 'limit' },
    { error_code: 10_402, text: 'late' },
  ])('an error: %j', (error) => {
    expect(streamOf(error).state).toBe('failed');
  });
});
