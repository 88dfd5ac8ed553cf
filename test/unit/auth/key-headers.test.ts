/** Where clients send an API key, and how they write it: the table is walked. */
import { describe, expect, it } from 'vitest';
import { KEY_HEADERS } from '../../../src/auth/key-headers.ts';
import { isPrivateHeader } from '../../../src/http/private-headers.ts';

const KEY = 'tal_0123456789abcdef0123456789abcdef01234567';

const keysIn = (headers: Record<string, string>) =>
  KEY_HEADERS.map(({ read }) => read(new Headers(headers))).filter((key) => key !== undefined);

describe.each(KEY_HEADERS)('a key in $header', ({ header }) => {
  it('is found in any spelling of the name, and is never passed on', () => {
    const value = header === 'authorization' ? `Bearer ${KEY}` : KEY;
    for (const name of [header, header.toUpperCase()]) {
      expect(keysIn({ [name]: value })).toContain(KEY);
      expect(isPrivateHeader(name)).toBe(true);
    }
    expect(keysIn({ [header]: 'x'.repeat(10_000) })).toEqual([]);
    expect(keysIn({ [header]: '' })).toEqual([]);
  });
});

describe('authorization', () => {
  it.each([
    `Bearer ${KEY}`,
    `bearer ${KEY}`,
    `BEARER   ${KEY}`,
    `Bearer\t${KEY}`,
    `Bearer: ${KEY}`,
    `Bearer Bearer ${KEY}`,
    `Bearer "${KEY}"`,
    KEY,
    ` ${KEY} `,
  ])('%j has the key', (authorization) => {
    expect(keysIn({ authorization })).toContain(KEY);
  });

  it.each([
    'Bearer',
    'Bearer ',
    `Basic ${btoa(`:${KEY}`)}`,
    `Bearer ${KEY} ${KEY}`,
    `Bearer ${KEY}, Bearer other`,
    'Digest username="a", realm="b"',
  ])('%j has none', (authorization) => {
    expect(keysIn({ authorization })).not.toContain(KEY);
  });
});
