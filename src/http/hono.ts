/** Hono with one router: its presets bring others, which it would choose from or which are not needed. */
import { HonoBase, type HonoOptions } from 'hono/hono-base';
import { TrieRouter } from 'hono/router/trie-router';
import type { Env } from 'hono/types';

export class Hono<E extends Env> extends HonoBase<E> {
  constructor(options: HonoOptions<E> = {}) {
    super({ router: new TrieRouter(), ...options });
  }
}
