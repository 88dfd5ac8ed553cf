/** Lines of batches: how an input file is read, and how the output is written. */
import { describe, expect, it } from 'vitest';
import { readBatchLine, writeBatchLine } from '../../../src/jobs/batch-line.ts';

const CHAT = '/v1/chat/completions';
const LINE = { custom_id: 'a', method: 'POST', url: CHAT, body: { model: 'm', n: 1 } };
const read = (line: object | string) =>
  readBatchLine(typeof line === 'string' ? line : JSON.stringify(line), 7, CHAT);

describe('a line of input', () => {
  it('is its id and its body', () => {
    expect(read({ ...LINE, later: 'fields pass' })).toEqual({
      ok: true,
      customId: 'a',
      body: '{"model":"m","n":1}',
    });
  });

  it.each(['/chat/completions', '/v1/chat/completions/', '/openai/v1/chat/completions'])(
    'for %s is one for the path that is served',
    (url) => {
      expect(read({ ...LINE, url })).toMatchObject({ ok: true });
    },
  );

  it.each([
    [{ ...LINE, custom_id: 5 }, 'Field "custom_id": expected a string, not a number.'],
    [{ ...LINE, custom_id: null }, 'Field "custom_id": expected a string, not null.'],
    [{ ...LINE, url: ['/v1'] }, 'Field "url": expected a string, not a list.'],
    [{ ...LINE, body: [1] }, 'Field "body": expected an object, not a list.'],
    [{ ...LINE, body: true }, 'Field "body": expected an object, not a boolean.'],
    [[LINE], 'This line: expected an object, not a list.'],
    ['7', 'This line: expected an object, not a number.'],
    ['"x"', 'This line: expected an object, not a string.'],
  ])('%j is told as what it is', (line, message) => {
    expect(read(line)).toMatchObject({ ok: false, error: { message } });
  });

  it.each([
    ['{', 'invalid_json_line', undefined],
    ['null', 'invalid_request', undefined],
    [{ ...LINE, custom_id: '' }, 'invalid_request', 'custom_id'],
    [{ ...LINE, method: 'GET' }, 'invalid_request', 'method'],
    [{ ...LINE, body: 'text' }, 'invalid_request', 'body'],
    [{ ...LINE, url: '/v1/embeddings' }, 'mismatched_url', 'url'],
    [{ ...LINE, body: { stream: true } }, 'invalid_request', 'body.stream'],
  ])('%j is refused with %s', (line, code, param) => {
    const told = read(line);
    expect(told).toMatchObject({ ok: false, error: { code, line: 7 } });
    if (!told.ok) expect(told.error.param).toBe(param);
  });
});

describe('JSON of a depth that can be parsed but not serialized', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

  it('is refused in a line of input', () => {
    const text = JSON.stringify({ ...LINE, body: { x: 0 } }).replace('"x":0', `"x":${deep}`);
    const told = read(text);
    expect(told.ok).toBe(false);
    if (!told.ok) expect(told.error.line).toBe(7);
  });

  it('is stored as text if an endpoint answered it', () => {
    const result = { customId: 'a', requestId: 'r', status: 200, body: `{"x":${deep}}` };
    const { text } = writeBatchLine('batch_req_1', result);
    expect(JSON.parse(text).response.body).toBe(result.body);
  });
});

describe('a line of output', () => {
  const write = (result: object) => {
    const written = writeBatchLine('batch_req_1', { customId: 'a', requestId: 'r', ...result });
    return { ...written, line: JSON.parse(written.text) };
  };

  it('has the answer, and what it took', () => {
    const body = '{"id":"c","usage":{"prompt_tokens":3,"completion_tokens":2}}';
    expect(write({ status: 200, body })).toMatchObject({
      good: true,
      usage: { input: 3, output: 2 },
      line: {
        id: 'batch_req_1',
        custom_id: 'a',
        response: { status_code: 200, request_id: 'r', body: JSON.parse(body) },
        error: null,
      },
    });
    const responses = '{"usage":{"input_tokens":5,"output_tokens":4}}';
    expect(write({ status: 200, body: responses }).usage).toEqual({ input: 5, output: 4 });
  });

  it('has the answer as it came, but for line ends', () => {
    const answer = '{ "b":12345678901234567890,\n"a":1.0,\r\n"a":"\\n$&", "c":[1e400]}';
    const { text } = write({ status: 200, body: answer });
    expect(text).toContain(`"body":${answer.replace(/[\r\n]+/g, ' ')}},"error":null}\n`);
  });

  it('has an error of the endpoint as its answer, and text that is no JSON as text', () => {
    const told = write({ status: 502, body: 'it\nbroke' });
    expect(told).toMatchObject({ good: false, usage: { input: 0, output: 0 } });
    expect(told.line).toMatchObject({ response: { status_code: 502, body: 'it\nbroke' } });
    expect(told.text.trimEnd()).not.toContain('\n');
  });

  it('has the reason why there was no answer', () => {
    const error = { code: 'batch_expired', message: 'Too late.' };
    expect(write({ error }).line).toMatchObject({ response: null, error });
  });
});
