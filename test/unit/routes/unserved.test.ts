/** Paths that are known and not served: the table is walked, in the spellings of clients. */
import { describe, expect, it } from 'vitest';
import { servedPath } from '../../../src/http/written-path.ts';
import { UNSERVED, unservedMessage } from '../../../src/routes/unserved.ts';

describe.each(UNSERVED)('%s', (path, sentence) => {
  it.each(['/v1/', '//v1//', '/v1/v1/', '/openai/v1/', '/api/v1/'])(
    'is named behind %s',
    (base) => {
      for (const rest of ['', '/', '/x_1', '/x_1/items/']) {
        expect(unservedMessage(servedPath(base + path + rest))).toBe(sentence);
      }
    },
  );

  it('is no other path', () => {
    for (const other of [`/v1/${path}x`, `/v1/x/${path}`, `/admin/${path}`]) {
      expect(unservedMessage(servedPath(other))).toBeUndefined();
    }
    expect(sentence).toMatch(/not served/);
  });
});
