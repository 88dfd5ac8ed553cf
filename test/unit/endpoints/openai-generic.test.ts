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

  it.each([401, 402, 408])('of a tool with %i is the tool’s own', (status) => {
    expect(classifyGeneric(status, '', true)).toBe('rejected');
  });
});
