/**
 * What is known of one endpoint's prefix cache and of the calls that run there, since it last came up.
 */
import type { LiveCall } from '../runs/live-run.ts';
import type { PrefixLink } from '../runs/prefix.ts';
import { PrefixIndex } from './prefix-index.ts';

export class EndpointMemory {
  /** Calls that hold a slot there. */
  readonly running = new Set<LiveCall>();
  readonly #index = new PrefixIndex();
  #upSince: number | undefined;

  /** The endpoint is up since a time, epoch ms: what it held before that is gone. */
  upSince(at: number, kvCacheTokens = Infinity): void {
    this.#index.capacity = kvCacheTokens;
    if (this.#upSince === at) return;
    if (this.#upSince !== undefined) this.#index.forget();
    this.#upSince = at;
  }

  hitTokens(chain: readonly PrefixLink[]): number {
    return this.#index.hitTokens(chain);
  }

  use(chain: readonly PrefixLink[]): void {
    this.#index.use(chain);
  }
}
