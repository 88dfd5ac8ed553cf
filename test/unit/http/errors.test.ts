/** The sentence of an error, which is all that SDKs show of it. */
import { describe, expect, it } from 'vitest';
import { type ApiError, anthropicErrorBody, errorBody } from '../../../src/http/errors.ts';

describe('the sentence of an error', () => {
  it.each<[error: ApiError, sentence: string]>([
    [
      { code: 'invalid_request_error', param: 'metadata.talaria_app', message: 'Expected a name.' },
      'metadata.talaria_app: Expected a name.',
    ],
    [{ code: 'invalid_request_error', param: 'n', message: 'Expected 1.' }, 'n: Expected 1.'],
    [
      { code: 'invalid_request_error', param: 'model', message: 'Field "model": expected it.' },
      'Field "model": expected it.',
    ],
    [
      { code: 'unsupported_encoding', param: 'content-encoding', message: 'Content-Encoding: no.' },
      'Content-Encoding: no.',
    ],
    [
      { code: 'idempotency_key_conflict', param: 'idempotency-key' },
      'This idempotency key was used with another request.',
    ],
    [{ code: 'not_found' }, 'There is nothing at this path.'],
  ])('%j names the field in both forms', (error, sentence) => {
    expect(errorBody(error).error).toMatchObject({
      message: sentence,
      param: error.param ?? null,
    });
    expect(anthropicErrorBody(error).error.message).toBe(sentence);
  });
});
