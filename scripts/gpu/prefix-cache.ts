/**
 * The prefix cache of an engine in a simulation: prompts in blocks of equal length, of which each is
 * known by its tokens and all tokens before it. Which call shares what is said by the trace
 * (prompt.ts).
 */
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
import { BlockCache } from './block-cache.ts';
import { PromptNames, promptOf } from './prompt.ts';

export interface CacheSettings {
  /** Tokens that fit; Infinity for no limit. */
  readonly tokens: number;
  readonly blockTokens: number;
}

/** More than the blocks of any prompt. */
const MOST_BLOCKS = 2 ** 24;

export class PrefixCache {
  readonly #blockTokens: number;
  readonly #names: PromptNames;
  readonly #blocks: BlockCache<number>;

  /** Caches with the same `names` know the same prompts. */
  constructor({ tokens, blockTokens }: CacheSettings, names = new PromptNames()) {
    this.#blockTokens = blockTokens;
    this.#blocks = new BlockCache(Math.floor(tokens / blockTokens));
    this.#names = names;
  }

  /** Tokens of the prompt that need no prefill; at least the last one always does. */
  hitTokens(call: CallRecord): number {
    if ('service_ms' in call) return 0;
    const most = Math.floor((call.input_tokens - 1) / this.#blockTokens);
    return this.#blocks.hit(this.#keysOf(call), most) * this.#blockTokens;
  }

  /** The prompt is read or was used: its full blocks are kept, others may go. */
  touch(call: CallRecord): void {
    this.#blocks.touch(this.#keysOf(call));
  }

  /** The engine was started anew. */
  clear(): void {
    this.#blocks.clear();
  }

  /** Keys of the prompt's full blocks, in order. */
  #keysOf(call: CallRecord): number[] {
    const keys: number[] = [];
    for (const { name, end } of this.#names.beginningsOf(promptOf(call) ?? [])) {
      while ((keys.length + 1) * this.#blockTokens <= end) {
        keys.push(name * MOST_BLOCKS + keys.length);
      }
    }
    return keys;
  }
}
