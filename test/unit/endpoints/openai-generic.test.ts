/** What the statuses of engines, gateways and proxies say of an endpoint, beside their words. */
import { describe, expect, it } from 'vitest';
import { classifyGeneric } from '../../../src/endpoints/openai-generic.ts';

describe('an answer of a model', () => {
  it.each<[string, number, string, string]>([
    [
      "the endpoint's account is empty",
      402,
      '{"error":{"message":"Insufficient Balance"}}',
      'denied',
    ],
    ['no credits', 402, '', 'denied'],
    ["the endpoint's key is wrong", 401, '', 'denied'],
    ['HAProxy gives a connection up', 408, '<html><body><h1>408 Request Time-out</h1>', 'broken'],
    ['the model still loads', 408, '{"error":"model is still loading"}', 'unready'],
    ['the request is wrong', 400, '{"error":{"message":"no"}}', 'rejected'],
    ['the prompt is too long', 413, '', 'rejected'],
    [
      'Ollama: an embedding that is too long',
      500,
      '{"error":"the input length exceeds the context length"}',
      'rejected',
    ],
    ['it is overloaded', 529, '', 'busy'],
    ['a proxy wraps an overload', 500, '{"error":{"type":"engine_overloaded_error"}}', 'busy'],
  ])('%s: %i', (_, status, body, kind) => {
    expect(classifyGeneric(status, body, false)).toBe(kind);
  });

  it.each<[string, number, object, string]>([
    ['its fault', 400, { object: 'error', message: '', code: 50_001 }, 'broken'],
    ['its fault in a text', 400, { text: 'boom', error_code: 50_002 }, 'broken'],
    ['a limit', 400, { object: 'error', message: 'x', code: 42_901 }, 'busy'],
    ['an unknown number', 400, { object: 'error', message: 'x', code: 50_007 }, 'rejected'],
    ['an unknown limit', 400, { object: 'error', message: 'x', code: 42_904 }, 'rejected'],
    ['another status', 422, { object: 'error', message: 'x', code: 50_002 }, 'rejected'],
    ['no form', 400, { message: 'x', code: 50_002 }, 'rejected'],
    ['a form of others', 400, { error: { message: 'x', code: 42_903 } }, 'rejected'],
    ['and their word', 400, { error: { type: 'server_error', code: 50_001 } }, 'rejected'],
  ])("FastChat's numbers, %s: %i %j", (_, status, body, kind) => {
    expect(classifyGeneric(status, JSON.stringify(body), false)).toBe(kind);
  });

  it.each<[string, number, string]>([
    ['LM Studio', 400, 'Failed to load model "m". Error: no.'],
    ['Ray Serve', 404, "Path '/v1/x' not found. Ping http://h:1/-/routes for available routes."],
  ])('%s is not up, where its words are the beginning', (_, status, words) => {
    expect(classifyGeneric(status, JSON.stringify({ error: words }), false)).toBe('unready');
    expect(classifyGeneric(status, words, false)).toBe('unready');
    const quoted = JSON.stringify({ error: { message: `Invalid value: ${words}` } });
    expect(classifyGeneric(status, quoted, false)).toBe('rejected');
    expect(classifyGeneric(status, words, true)).toBe('rejected');
  });

  it.each([401, 402, 408])('of a tool with %i is the tool’s own', (status) => {
    expect(classifyGeneric(status, '', true)).toBe('rejected');
  });
});
