/** Names of the blocks of a prompt's text, as engines name those of their prefix caches. */
import { createHash } from 'node:crypto';

/**
 * Keys of a text's full blocks of `chars` characters, in order: each stands for its block and all
 * before it.
 */
export function blocksOf(text: string, chars: number): string[] {
  const keys: string[] = [];
  let before = '';
  for (let at = 0; at + chars <= text.length; at += chars) {
    const hash = createHash('sha1')
      .update(before)
      .update(text.slice(at, at + chars));
    before = hash.digest('base64');
    keys.push(before);
  }
  return keys;
}
