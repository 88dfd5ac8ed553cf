/** Hashes of texts that come with call after call. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { KnownHashes } from '../../../src/http/known-hashes.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

afterEach(() => vi.restoreAllMocks());

describe('a hash', () => {
  it('is that of the text, whether it is known or not', async () => {
    const hashes = new KnownHashes({ most: 2, maxChars: 10 });
    expect(await hashes.of('key')).toBe(sha256('key'));
    hashes.keep('key', sha256('key'));
    expect(await hashes.of('key')).toBe(sha256('key'));
    expect(await hashes.of('kez')).toBe(sha256('kez'));
  });

  it('is found only once for a text that is kept', async () => {
    const hashes = new KnownHashes({ most: 2, maxChars: 10 });
    const digest = vi.spyOn(crypto.subtle, 'digest');
    hashes.keep('key', await hashes.of('key'));
    await hashes.of('key');
    expect(digest).toHaveBeenCalledTimes(1);
  });

  it('is forgotten for another: the oldest first, and a long text is never kept', async () => {
    const hashes = new KnownHashes({ most: 2, maxChars: 10 });
    for (const text of ['a', 'b', 'c', 'a text of many characters']) {
      hashes.keep(text, await hashes.of(text));
    }
    const digest = vi.spyOn(crypto.subtle, 'digest');
    for (const text of ['b', 'c']) await hashes.of(text);
    expect(digest).not.toHaveBeenCalled();
    for (const text of ['a', 'a text of many characters']) await hashes.of(text);
    expect(digest).toHaveBeenCalledTimes(2);
  });
});
