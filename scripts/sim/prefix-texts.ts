/**
 * The beginnings of prompts that a simulated dispatcher has asked for, in place of their texts: by
 * link the parts of the prompt before it. As many are kept as by the tenant's object.
 */
import type { KeptPrefix, PrefixLink } from '../../src/core/runs/prefix.ts';
import type { CallRecord } from '../../src/core/runs/recorded-run.ts';
import { type PromptPart, promptOf } from '../gpu/prompt.ts';

const MAX_TEXTS = 16;

export class SimPrefixTexts {
  /** By backend and link, the least recently used first. */
  readonly #texts = new Map<string, { readonly kept: KeptPrefix; readonly record: CallRecord }>();

  get kept(): KeptPrefix[] {
    return [...this.#texts.values()].map(({ kept }) => kept);
  }

  /** Keeps the beginning of a call's prompt. */
  keep(backend: string, chain: readonly PrefixLink[], linkId: string, call: CallRecord): void {
    const end = chain.findIndex(({ id }) => id === linkId);
    const tokens = chain[end]?.tokens;
    const parts = promptOf(call);
    if (tokens === undefined || !parts) return;
    const prefix = cut(parts, tokens);
    const record = { input_tokens: tokens, output_tokens: 1, prefix };
    const kept = { backend, chain: chain.slice(0, end + 1) };
    this.#renew(`${backend}\n${linkId}`, { kept, record });
    const [oldest] = this.#texts.keys();
    if (this.#texts.size > MAX_TEXTS && oldest !== undefined) this.#texts.delete(oldest);
  }

  /** The call that reads a prefix. */
  take(backend: string, linkId: string): CallRecord | undefined {
    const key = `${backend}\n${linkId}`;
    const text = this.#texts.get(key);
    if (text) this.#renew(key, text);
    return text?.record;
  }

  #renew(key: string, text: { readonly kept: KeptPrefix; readonly record: CallRecord }): void {
    this.#texts.delete(key);
    this.#texts.set(key, text);
  }
}

/** The first tokens of a prompt. */
function cut(parts: readonly PromptPart[], tokens: number): PromptPart[] {
  const cut: PromptPart[] = [];
  let left = tokens;
  for (const [text, length] of parts) {
    if (left <= 0) break;
    cut.push([text, Math.min(left, length)]);
    left -= length;
  }
  return cut;
}
