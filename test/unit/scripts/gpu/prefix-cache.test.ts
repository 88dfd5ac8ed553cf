/** Which of a prompt's blocks an emulated prefix cache holds, worked by hand with blocks of 10. */
import { describe, expect, it } from 'vitest';
import { PrefixCache } from '../../../../scripts/gpu/prefix-cache.ts';
import type { PromptPart } from '../../../../scripts/gpu/prompt.ts';

function prompt(...prefix: PromptPart[]) {
  return { input_tokens: prefix.reduce((n, [, t]) => n + t, 0), output_tokens: 1, prefix };
}

function cacheOf(tokens = Infinity): PrefixCache {
  return new PrefixCache({ tokens, blockTokens: 10 });
}

describe('a prefix cache', () => {
  it('holds the full blocks that a longer prompt begins with', () => {
    const cache = cacheOf();
    cache.touch(prompt(['a', 39]));
    expect(cache.hitTokens(prompt(['a', 100]))).toBe(30);
    expect(cache.hitTokens(prompt(['a', 25]))).toBe(20);
    expect(cache.hitTokens(prompt(['b', 100]))).toBe(0);
  });

  it('always leaves the last token to be read', () => {
    const cache = cacheOf();
    cache.touch(prompt(['a', 30]));
    expect(cache.hitTokens(prompt(['a', 30]))).toBe(20);
    expect(cache.hitTokens(prompt(['a', 31]))).toBe(30);
  });

  it('finds what two prompts share across parts only where the parts are equally long', () => {
    const cache = cacheOf();
    cache.touch(prompt(['tools', 25], ['a', 50]));
    expect(cache.hitTokens(prompt(['tools', 25], ['a', 60]))).toBe(70);
    expect(cache.hitTokens(prompt(['tools', 25], ['b', 60]))).toBe(20);
    expect(cache.hitTokens(prompt(['tools', 26], ['a', 60]))).toBe(20);
    expect(cache.hitTokens(prompt(['a', 60]))).toBe(0);
  });

  it('drops the end of a prompt before its beginning, and the least recently used first', () => {
    const cache = cacheOf(50);
    cache.touch(prompt(['a', 30]));
    cache.touch(prompt(['b', 40]));
    // Four blocks of b and the first of a.
    expect(cache.hitTokens(prompt(['a', 99]))).toBe(10);
    cache.touch(prompt(['a', 10]));
    cache.touch(prompt(['c', 20]));
    expect(cache.hitTokens(prompt(['a', 99]))).toBe(10);
    expect(cache.hitTokens(prompt(['b', 99]))).toBe(20);
  });

  it('keeps the beginning of a prompt that is larger than itself', () => {
    const cache = cacheOf(35);
    cache.touch(prompt(['a', 99]));
    expect(cache.hitTokens(prompt(['a', 99]))).toBe(30);
  });

  it('keeps nothing of a prompt without parts, and nothing after a start', () => {
    const cache = cacheOf();
    const bare = { input_tokens: 50, output_tokens: 1 };
    cache.touch(bare);
    expect(cache.hitTokens(bare)).toBe(0);
    cache.touch(prompt(['a', 50]));
    cache.clear();
    expect(cache.hitTokens(prompt(['a', 50]))).toBe(0);
  });
});
