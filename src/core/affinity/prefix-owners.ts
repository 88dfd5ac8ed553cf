/**
 * Which endpoints of a backend are expected to hold which beginnings of prompts: one table for all of
 * them, so that a prompt is looked up once, not once for each endpoint. What an endpoint holds, and
 * what it drops, is decided in prefix-index.ts.
 */
import type { PrefixLink } from '../runs/prefix.ts';

/** A prompt that an endpoint was sent. */
export interface Prompt {
  /** Its part from `from` to `until` is counted for it, tokens. */
  from: number;
  until: number;
  readonly links: PrefixLink[];
}

interface Owners {
  /** By the number of the endpoint. */
  readonly prompts: Array<Prompt | undefined>;
  count: number;
}

export class PrefixOwners {
  readonly #links = new Map<string, Owners>();
  /** Rises with each change of what an endpoint holds. */
  version = 0;

  /** The prompt of an endpoint that was used last, of those that have the fingerprint. */
  get(id: string, endpoint: number): Prompt | undefined {
    return this.#links.get(id)?.prompts[endpoint];
  }

  /** Returns the prompt that was the owner. */
  set(id: string, endpoint: number, prompt: Prompt): Prompt | undefined {
    this.version += 1;
    const owners = this.#links.get(id);
    if (!owners) {
      const prompts: Array<Prompt | undefined> = [];
      prompts[endpoint] = prompt;
      this.#links.set(id, { prompts, count: 1 });
      return undefined;
    }
    const before = owners.prompts[endpoint];
    if (!before) owners.count += 1;
    owners.prompts[endpoint] = prompt;
    return before;
  }

  delete(id: string, endpoint: number): void {
    const owners = this.#links.get(id);
    if (!owners?.prompts[endpoint]) return;
    this.version += 1;
    owners.prompts[endpoint] = undefined;
    owners.count -= 1;
    if (owners.count === 0) this.#links.delete(id);
  }

  /** Tokens of a prompt, from its beginning, that each endpoint is expected to hold. */
  hits(chain: readonly PrefixLink[], endpoints: number): number[] {
    const hits = new Array<number>(endpoints).fill(0);
    let left = endpoints;
    for (let i = chain.length - 1; i >= 0 && left > 0; i -= 1) {
      const link = chain[i];
      const prompts = link && this.#links.get(link.id)?.prompts;
      if (!prompts) continue;
      for (let endpoint = 0; endpoint < endpoints; endpoint += 1) {
        const owner = prompts[endpoint];
        if (!owner || hits[endpoint] !== 0) continue;
        hits[endpoint] = Math.min(link.tokens, owner.until);
        left -= 1;
      }
    }
    return hits;
  }
}
