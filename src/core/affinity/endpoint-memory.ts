/**
 * What is known of one endpoint's prefix cache: the prompts that it is expected to hold, and from what
 * its engine reports, how much fits and whether it keeps any. Forgotten when the endpoint comes up anew
 * or is another one. The prompts themselves are in prefix-index.ts.
 */
import type { PrefixLink } from '../runs/prefix.ts';
import { PrefixIndex } from './prefix-index.ts';
import type { PrefixOwners } from './prefix-owners.ts';

/** Expected hits below this say little: templates and blocks blur them, tokens. */
const LEAST_TOLD = 1_024;
/** Share of an expected hit below which the prompt is found to be gone. */
const GONE_SHARE = 0.25;
/** What a capacity that is not given shrinks and grows by, when a prompt is gone or is still there. */
const SHRINK = 0.9;
const GROW = 1.05;
/** Weight of a report in the share of the expected hits that are true. */
const WEIGHT = 0.1;
/** Down to this share hits count in full: prompts that are gone are the capacity's matter. */
const TRUSTED_SHARE = 0.5;

export class EndpointMemory {
  readonly number: number;
  readonly #index: PrefixIndex;
  #upSince: number | undefined;
  #address: string | undefined;
  #givenTokens: number | undefined;
  /** Share of the expected hits that the engine reported. */
  #trueShare = 1;

  /** `owners`: the table of all endpoints of the backend; `number`: its own there. */
  constructor(owners: PrefixOwners, number: number) {
    this.number = number;
    this.#index = new PrefixIndex(owners, number);
  }

  /** The endpoint at an address is up since a time, epoch ms: what it held before that is gone. */
  upSince(at: number, address?: string): void {
    if (this.#upSince === at && this.#address === address) return;
    if (this.#upSince !== undefined) this.forget();
    if (this.#address !== address) this.#trueShare = 1;
    this.#upSince = at;
    this.#address = address;
  }

  /** Tokens that its cache holds, as configured; learned where absent. */
  holds(tokens: number | undefined): void {
    if (tokens === this.#givenTokens && tokens !== undefined) return;
    if (tokens !== undefined) this.#index.capacity = tokens;
    else if (this.#givenTokens !== undefined) this.#index.capacity = Infinity;
    this.#givenTokens = tokens;
  }

  /** Tokens that are expected to fit; Infinity where nothing is known. */
  get capacity(): number {
    return this.#index.capacity;
  }

  /** What is believed of an expected hit, tokens. */
  believed(hitTokens: number): number {
    return this.#trueShare < TRUSTED_SHARE ? hitTokens * this.#trueShare : hitTokens;
  }

  /** The endpoint reads a prompt, or has just used it. */
  use(chain: readonly PrefixLink[]): void {
    this.#index.use(chain);
  }

  /** It was restarted, or may have been. */
  forget(): void {
    this.#index.forget();
  }

  /** The engine reports how much of a prompt was cached, where a hit was expected at its grant. */
  told(expectedTokens: number, cachedTokens: number): void {
    if (expectedTokens >= LEAST_TOLD) {
      const share = Math.min(1, cachedTokens / expectedTokens);
      this.#trueShare += (share - this.#trueShare) * WEIGHT;
      if (share < GONE_SHARE) this.#resize(SHRINK * Math.min(this.#index.tokens, this.capacity));
    } else if (cachedTokens >= LEAST_TOLD + expectedTokens) this.#resize(this.capacity * GROW);
  }

  /** Only a capacity that is not given is learned; it holds the longest prompt in any case. */
  #resize(tokens: number): void {
    if (this.#givenTokens === undefined) {
      this.#index.capacity = Math.max(tokens, this.#index.longest);
    }
  }
}
