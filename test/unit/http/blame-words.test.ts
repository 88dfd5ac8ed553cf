/** Whose fault an error is, where its status says another's: by how its words begin, and by numbers. */
import { describe, expect, it } from 'vitest';
import { classifyGeneric } from '../../../src/endpoints/openai-generic.ts';
import { blamesEngine } from '../../../src/http/blame-words.ts';
import { statusIn, statusOfOwnRefusal, statusOfOwnText } from '../../../src/http/error-status.ts';

describe('a refusal by which the engine failed', () => {
  it.each([
    'The model has crashed without additional information. (Exit code: 18446744072635812000)',
    '[METAL] Command buffer execution failed: Insufficient Memory',
    '[metal::malloc] Resource limit (499000) exceeded.',
    "  Request is disconnected from the client side (type 3). Abort request obj.rid='x'",
  ])('is known by its words: %s', (message) => {
    expect(blamesEngine(message)).toBe(true);
    const body = JSON.stringify({ error: { message, type: 'invalid_request_error' } });
    for (const status of [400, 404, 422]) {
      expect(classifyGeneric(status, body, false)).toBe('broken');
      // What a tool answers is its own matter.
      expect(classifyGeneric(status, body, true)).toBe('rejected');
    }
  });

  it.each([
    '',
    'Invalid value: "The model has crashed"',
    'metal is no valid value',
    'The client said: Request is disconnected from the client side',
  ])('is none: %s', (message) => {
    expect(blamesEngine(message)).toBe(false);
  });
});

describe('a number that is no status', () => {
  const numbers: ReadonlyArray<readonly [code: unknown, status: number | undefined]> = [
    [50_001, 500],
    [50_002, 500],
    [42_901, 429],
    [42_902, 429],
    [42_903, 429],
    // SiliconFlow, LMDeploy, Cloudflare, and what is no number of FastChat's.
    ...[
      50_003,
      42_904,
      40_001,
      40_101,
      40_303,
      50_603,
      50_505,
      10_402,
      3_040,
      4_290,
      429_010,
      50_001.5,
      '50001',
    ].map((code) => [code, undefined] as const),
  ];

  it.each(numbers)('%s stands for %s', (code, status) => {
    expect(statusOfOwnRefusal({ object: 'error', code })).toBe(status);
    expect(statusOfOwnRefusal({ text: '', error_code: code })).toBe(status);
    expect(statusOfOwnText({ text: '', error_code: code })).toBe(status);
    // Of others.
    expect(statusOfOwnRefusal({ code, error_code: code })).toBeUndefined();
    expect(statusOfOwnText({ object: 'error', code })).toBeUndefined();
    expect(statusIn([{ code, error_code: code }])).toBeUndefined();
  });

  it('does not outweigh a status', () => {
    expect(statusIn([{ status: 404, code: 50_001 }])).toBe(404);
  });
});
