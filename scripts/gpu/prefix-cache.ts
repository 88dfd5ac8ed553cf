/**
 * The prefix cache of an emulated engine, as vLLM and SGLang keep theirs: prompts in blocks of equal
 * length, of which each is known by its tokens and all tokens before it. The least recently used
 * blocks go first; of a prompt its end goes before its beginning. Which call shares what is said by
 * the trace (prompt.ts).
 */
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
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
  readonly #capacity: number;
  readonly #names: PromptNames;
  /** Keys of the blocks that it holds, the least recently used first. */
  readonly #blocks = new Set<number>();

  /** Caches with the same `names` know the same prompts. */
  constructor({ tokens, blockTokens }: CacheSettings, names = new PromptNames()) {
    this.#blockTokens = blockTokens;
    this.#capacity = Math.floor(tokens / blockTokens);
    this.#names = names;
  }

  /** Tokens of the prompt that need no prefill; at least the last one always does. */
  hitTokens(call: CallRecord): number {
    if ('service_ms' in call) return 0;
    const keys = this.#keysOf(call);
    const most = Math.floor((call.input_tokens - 1) / this.#blockTokens);
    let hit = 0;
    while (hit < most && hit < keys.length && this.#blocks.has(keys[hit] ?? -1)) hit += 1;
    return hit * this.#blockTokens;
  }

  /** The prompt is read or was used: its full blocks are kept, others may go. */
  touch(call: CallRecord): void {
    for (const key of this.#keysOf(call).reverse()) {
      this.#blocks.delete(key);
      this.#blocks.add(key);
    }
    if (this.#blocks.size <= this.#capacity) return;
    for (const key of this.#blocks) {
      this.#blocks.delete(key);
      if (this.#blocks.size <= this.#capacity) break;
    }
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
