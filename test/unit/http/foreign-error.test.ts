/**
 * Errors in the forms in which engines, frameworks and platforms write them: each is found where it
 * is, with its words, and stands for a status. Walks the table of words.
 */
import { describe, expect, it } from 'vitest';
import { blamesRequest } from '../../../src/http/blame-words.ts';
import { ERROR_WORDS, isFlagged, statusOfWord } from '../../../src/http/error-words.ts';
import {
  errorIn,
  errorInText,
  FAULT_REASONS,
  STATUS_FIELDS,
} from '../../../src/http/foreign-error.ts';
import { retryAfterInText, retryAfterOf } from '../../../src/http/retry-after.ts';

describe('the words of errors', () => {
  it.each(Object.entries(ERROR_WORDS))('%s stands for %d, in every spelling', (word, status) => {
    for (const spelt of [word, word.toUpperCase(), word.replaceAll('_', '-'), ` ${word} `]) {
      expect(statusOfWord(spelt)).toBe(status);
    }
    expect(errorInText(JSON.stringify({ error: { message: 'x', type: word } })).status).toBe(
      status,
    );
    expect(errorInText(JSON.stringify({ error: { message: 'x', code: word } })).status).toBe(
      status,
    );
  });

  it('have one meaning each', () => {
    const spelt = Object.keys(ERROR_WORDS).map((word) =>
      word.toLowerCase().replaceAll(/[_-]/g, ''),
    );
    expect(new Set(spelt).size).toBe(spelt.length);
    expect(statusOfWord('something else')).toBeUndefined();
  });
});

describe('the words of an error', () => {
  it.each([
    ['OpenAI', '{"error":{"message":"W","type":"t","param":"p","code":"c"}}', 'W'],
    ['Anthropic', '{"type":"error","error":{"type":"t","message":"W"}}', 'W'],
    [
      'vLLM, before 2025',
      '{"object":"error","message":"W","type":"BadRequestError","code":400}',
      'W',
    ],
    ['llama.cpp', '{"error":{"code":400,"message":"W","type":"invalid_request_error"}}', 'W'],
    ['TGI', '{"error":"W","error_type":"validation"}', 'W'],
    ['FastAPI', '{"detail":"W"}', 'W'],
    [
      'FastAPI, of fields',
      '{"detail":[{"loc":["body","x"],"msg":"W","type":"missing"}]}',
      'body.x: W',
    ],
    ['problem+json', '{"type":"about:blank","title":"T","status":400,"detail":"W"}', 'W'],
    ['problem+json without a detail', '{"type":"about:blank","title":"W","status":400}', 'W'],
    ['Google', '[{"error":{"code":400,"message":"W","status":"INVALID_ARGUMENT"}}]', 'W'],
    ['Cloudflare', '{"success":false,"errors":[{"code":7003,"message":"W"}]}', 'W'],
    ['a list', '{"error":[{"message":"W"}]}', 'W'],
    ['a flag', '{"error":true,"message":"W"}', 'W'],
    ['AWS', '{"message":"W"}', 'W'],
    ['a JSON text', '"W"', 'W'],
    ['text', 'W\n', 'W'],
    ['HTML', '<!doctype html><html><head><title>W</title></head></html>', 'W'],
    [
      'a response that failed',
      '{"type":"response.failed","response":{"error":{"message":"W"}}}',
      'W',
    ],
  ])('of %s are found', (_from, text, message) => {
    expect(errorInText(text).message).toBe(message);
  });

  it('are absent where it has none', () => {
    for (const text of ['', '{}', 'null', '<br>', '{"error":{}}', '{"error":null}']) {
      expect(errorInText(text)).toEqual({});
    }
  });
});

describe('an error in a success', () => {
  it("has a status by FastChat's numbers in its form alone", () => {
    const statusOf = (value: object) => errorIn(value)?.status;
    expect(statusOf({ text: 'x', error_code: 50_002 })).toBe(500);
    expect(statusOf({ text: 'x', error_code: 42_903 })).toBe(429);
    expect(statusOf({ text: 'x', error_code: 40_303 })).toBeUndefined();
    expect(statusOf({ code: 40_001, message: 'x' })).toBeUndefined();
    expect(statusOf({ code: 42_903, message: 'x' })).toBeUndefined();
    expect(statusOf({ error: { code: 50_002, message: 'x' } })).toBeUndefined();
  });

  it.each([
    { error: { message: 'x' } },
    { error: 'x' },
    { error: {} },
    { object: 'error', message: 'x' },
    { type: 'error', error: { message: 'x' } },
    { status: 'FAILED', error: 'x' },
    { status: 'TIMED_OUT' },
    { success: false, errors: [{ message: 'x' }] },
    { error: true, message: 'x' },
    { error: 500 },
    { error: [{ message: 'x' }] },
    { choices: [{ finish_reason: ' Error ' }] },
    { id: 'x', choices: [], error: { code: 502 } },
    { choices: [{ delta: { content: '' }, finish_reason: 'error' }], error: { code: 502 } },
    { choices: [{ delta: {} }, { error: { message: 'x' } }] },
    { base_resp: { status_code: 1004, status_msg: 'x' } },
    { choices: null, usage: null, base_resp: { status_code: 1002, status_msg: 'x' } },
    { error_code: 336_003, error_msg: 'x', id: 'a' },
    { code: 1301, msg: 'x', data: null },
    { code: 'InvalidParameter', message: 'x', request_id: 'a' },
    { code: 500, message: 'x', data: [] },
  ])('is found: %j', (value) => {
    expect(errorIn(value)).toBeDefined();
  });

  it.each(FAULT_REASONS)('is found in the reason to finish %s', (word) => {
    for (const reason of [word, word.toUpperCase(), ` ${word} `, { type: word, message: 'x' }]) {
      for (const choice of [{ delta: {} }, { delta: { content: 'x' } }, { text: 'x' }]) {
        expect(errorIn({ choices: [{ ...choice, finish_reason: reason }] })).toBeDefined();
      }
    }
    expect(errorIn({ choices: [{ finish_reason: `${word}ed` }] })).toBeUndefined();
  });

  it.each(STATUS_FIELDS)('is found in $path, and is none beside an answer', (field) => {
    const told = (status: unknown, more: object = {}) => {
      const [outer = '', inner] = field.path;
      const said = { msg: 'x' };
      return {
        ...more,
        ...(inner ? { [outer]: { [inner]: status, ...said } } : { [outer]: status, ...said }),
      };
    };
    expect(errorIn(told(1_234))).toMatchObject({ message: 'x' });
    expect(errorIn(told('Bad'))).toBeDefined();
    for (const fine of [...field.fine, null, undefined, {}, true]) {
      expect(errorIn(told(fine))).toBeUndefined();
    }
    for (const answer of [{ choices: [{}] }, { data: [{}] }, { results: [{}] }, { text: 'a' }]) {
      expect(errorIn(told(1_234, answer))).toBeUndefined();
    }
  });

  it.each([
    { choices: [], error: null },
    { choices: [], error: '' },
    { choices: [], error: {} },
    { choices: [], error: false },
    { choices: [], error: [] },
    { choices: [], error: 0 },
    { status: 'cancelled', error: null },
    { success: true },
    { choices: [{ delta: { content: 'x' }, error: null, finish_reason: 'stop' }] },
    { status: 'completed', error: null },
    [{ error: 'x' }],
    'error',
    null,
  ])('is none: %j', (value) => {
    expect(errorIn(value)).toBeUndefined();
  });
});

it('a refusal of a prompt is told from a refusal of a key', () => {
  for (const text of [
    '{"error":{"code":403,"message":"Your input was flagged","metadata":{"reasons":["violence"]}}}',
    '{"error":{"code":"content_filter"}}',
    '{"innererror":{"code":"ResponsibleAIPolicyViolation"}}',
    'Blocked by guardrail',
  ]) {
    expect(isFlagged(text)).toBe(true);
  }
  expect(isFlagged('{"error":{"message":"The API key may not use this model."}}')).toBe(false);
});

describe('a fault that an engine finds with the request', () => {
  it.each([
    'Failed to parse tools: Expected \'tools\' to be an array; tools = "none"',
    'Unsupported: failed to apply chat template: Failed to parse tools: Missing tool function',
    'Unsupported param: tool_choice',
    'tools param requires --jinja flag',
    'Cannot use both json_schema and grammar',
    'JSON schema conversion failed: Unrecognized schema: {"not":{}}',
    'Unable to generate parser for this template. Error: Jinja Exception: No user query found',
    'registry.example/library/gemma3:270m does not support tools',
    'the input length exceeds the context length',
    "[address=0.0.0.0:1] This model's maximum context length is 8192 tokens. However, you asked for 9000",
  ])('is known by its words: %s', (message) => {
    expect(blamesRequest(message)).toBe(true);
  });

  it.each([
    '',
    'CUDA error: out of memory',
    'Failed to load the model',
    'failed to parse the configuration of the model',
    'Internal Server Error',
    'the server cannot use the GPU',
    'the maximum number of workers has died',
  ])('is none: %s', (message) => {
    expect(blamesRequest(message)).toBe(false);
  });
});

describe('the pause that an answer asks for', () => {
  const now = Date.parse('2026-11-26T12:00:00Z');
  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': ' 1.5 ' }, 1_500],
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'retry-after': 'Thu, 26 Nov 2026 12:00:20 GMT' }, 20_000],
    [
      { 'retry-after': 'Thu, 26 Nov 2026 11:00:20 GMT', date: 'Thu, 26 Nov 2026 11:00:00 GMT' },
      20_000,
    ],
    [{ 'retry-after': '1e9' }, undefined],
    [{ 'retry-after': '999999999' }, 86_400_000],
    [{ 'retry-after': 'Thu, 26 Nov 2026 11:00:20 GMT' }, undefined],
    [{ 'retry-after': '0' }, undefined],
    [{ 'retry-after': '3, 30' }, 30_000],
    [{ 'retry-after': '3,3' }, 3_000],
    [{ 'retry-after': '3, soon' }, undefined],
    [{ 'retry-after': ',' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('%j is %s ms', (headers: Record<string, string>, ms) => {
    expect(retryAfterOf(new Headers(headers), now)).toBe(ms);
  });
});

describe('the pause that a text asks for', () => {
  const google = (retryDelay: unknown) =>
    JSON.stringify([{ error: { code: 429, details: [{ '@type': 'x.RetryInfo', retryDelay }] } }]);
  it.each([
    [google('34.074824224s'), 34_075],
    [google('0s'), undefined],
    [google({ seconds: 3 }), undefined],
    ['Rate limit reached for m. Please try again in 7m12.48s. Need more?', 432_480],
    ['Please try again in 120ms. Visit https://a.example/1h', 120],
    ['Please try again in 6m0s.', 360_000],
    ['Please retry after 6 seconds.', 6_000],
    ['No deployments available. Try again in 5 seconds. Passed model=m', 5_000],
    ['try again in 1h2m3s', 3_723_000],
    ['Try again in 2 minutes', 120_000],
    ['Try again in 99999999 hours', 86_400_000],
    ['Try again in 3 tries', undefined],
    ['Try again later', undefined],
    ['I will try in 5 seconds', undefined],
    [`try again in ${'1 '.repeat(50_000)}`, undefined],
    ['', undefined],
  ])('%#', (text, ms) => {
    expect(retryAfterInText(text)).toBe(ms);
  });
});
