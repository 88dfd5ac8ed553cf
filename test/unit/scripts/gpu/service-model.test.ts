/** The model of service times that the emulated endpoint and the simulator share. */
import { describe, expect, it } from 'vitest';
import { estimateTokens, serviceMs } from '../../../../scripts/gpu/service-model.ts';

const backend = { slots: 4, prefillMsPerToken: 0.1, decodeMsPerToken: 60 };

describe('serviceMs', () => {
  it('charges each input token its prefill and each output token its decode', () => {
    expect(serviceMs({ input_tokens: 700, output_tokens: 100 }, backend)).toBeCloseTo(6_070, 9);
  });

  it('takes a measured service time as it is, whatever the speed of the backend', () => {
    expect(serviceMs({ service_ms: 1_182 }, backend)).toBe(1_182);
  });

  it('is zero for a call that asks for nothing', () => {
    expect(serviceMs({ input_tokens: 0, output_tokens: 0 }, backend)).toBe(0);
  });
});

describe('estimateTokens', () => {
  it.each([
    ['', 0],
    ['a', 1],
    ['abcd', 1],
    ['abcde', 2],
  ])('rounds up to four characters a token: %j is %i', (text, tokens) => {
    expect(estimateTokens(text)).toBe(tokens);
  });
});
