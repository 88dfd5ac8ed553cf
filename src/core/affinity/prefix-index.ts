/**
 * What one endpoint's prefix cache is expected to hold: the prompts that were sent there, the least
 * recently used first. As in the engines, a prompt's end goes before its beginning, and what prompts
 * share stays as long as the last of them that was used. Bounded by tokens and by memory.
 *
 * Of a part that prompts share, the one that was used last is the owner, so the parts of all prompts
 * add up to what the cache holds, and each prompt's own part is what the cache frees by dropping it.
 */
import type { PrefixLink } from '../runs/prefix.ts';
import type { PrefixOwners, Prompt } from './prefix-owners.ts';

/** Fingerprints that are remembered of one endpoint; each takes about 100 bytes. */
const MAX_REMEMBERED = 8_192;
/** Fingerprints of one prompt, those of earlier cuts included. */
const MAX_OF_PROMPT = 32;

export class PrefixIndex {
  /** The least recently used first. */
  readonly #prompts = new Set<Prompt>();
  readonly #owners: PrefixOwners;
  readonly #endpoint: number;
  /** Number of fingerprints of which it is an owner. */
  #size = 0;
  #tokens = 0;
  /** Tokens of the longest prompt so far. */
  longest = 0;
  /** Tokens that fit; Infinity where that is not known. */
  capacity = Infinity;

  /** `owners`: the table of all endpoints; `endpoint`: its number there. */
  constructor(owners: PrefixOwners, endpoint: number) {
    this.#owners = owners;
    this.#endpoint = endpoint;
  }

  /** Tokens that the endpoint is expected to hold. */
  get tokens(): number {
    return this.#tokens;
  }

  /** The endpoint reads a prompt, or has just used it. */
  use(chain: readonly PrefixLink[]): void {
    const last = chain.at(-1);
    if (!last) return;
    const prompt: Prompt = { from: 0, until: last.tokens, links: [] };
    for (const link of chain) {
      const owner = this.#owners.set(link.id, this.#endpoint, prompt);
      if (!owner) this.#size += 1;
      prompt.links.push(link);
      if (owner && owner !== prompt) this.#give(owner, link.tokens, prompt);
    }
    this.#prompts.add(prompt);
    this.#tokens += prompt.until;
    this.longest = Math.max(this.longest, prompt.until);
    this.#trim();
  }

  /** The endpoint started anew. */
  forget(): void {
    for (const prompt of this.#prompts) this.#disown(prompt);
    this.#prompts.clear();
    this.#tokens = 0;
  }

  /** A prompt's beginning counts for another one; a prompt that has nothing else is part of that. */
  #give(owner: Prompt, tokens: number, to: Prompt): void {
    const from = Math.max(owner.from, Math.min(tokens, owner.until));
    this.#tokens -= from - owner.from;
    owner.from = from;
    if (from < owner.until) return;
    this.#prompts.delete(owner);
    for (const link of owner.links) {
      // Beyond the part that both have, the cut is of a prompt whose end is gone.
      if (link.tokens > tokens || to.links.length >= MAX_OF_PROMPT) continue;
      if (this.#owners.get(link.id, this.#endpoint) !== owner) continue;
      this.#owners.set(link.id, this.#endpoint, to);
      to.links.push(link);
    }
    this.#disown(owner);
  }

  #trim(): void {
    for (const prompt of this.#prompts) {
      const excess = this.#tokens - this.capacity;
      const isCrowded = this.#size > MAX_REMEMBERED;
      if (excess <= 0 && !isCrowded) return;
      const own = prompt.until - prompt.from;
      if (excess < own && !isCrowded) {
        prompt.until -= excess;
        this.#tokens -= excess;
        return;
      }
      this.#prompts.delete(prompt);
      this.#tokens -= own;
      this.#disown(prompt);
    }
  }

  /** Drops the fingerprints of which the prompt is the owner. */
  #disown(prompt: Prompt): void {
    for (const { id } of prompt.links) {
      if (this.#owners.get(id, this.#endpoint) !== prompt) continue;
      this.#owners.delete(id, this.#endpoint);
      this.#size -= 1;
    }
  }
}
