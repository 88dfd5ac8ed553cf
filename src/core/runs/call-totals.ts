/** How many calls there are and how long their bodies are, in all and by API key. */
import type { LiveCall } from './live-run.ts';

/** Calls of one API key, and bytes of their bodies. */
export interface CallsOfKey {
  calls: number;
  bytes: number;
}

const NO_CALLS: Readonly<CallsOfKey> = { calls: 0, bytes: 0 };

export class CallTotals {
  calls = 0;
  /** Bytes of the bodies that Workers hold for the calls. */
  bytes = 0;
  readonly #ofKey = new Map<string, CallsOfKey>();

  ofKey(key: string): Readonly<CallsOfKey> {
    return this.#ofKey.get(key) ?? NO_CALLS;
  }

  /** API keys that have calls. */
  get keys(): Iterable<string> {
    return this.#ofKey.keys();
  }

  /** A call comes, or goes. */
  count({ request }: Pick<LiveCall, 'request'>, by: 1 | -1): void {
    const { keyId = '', bodyBytes = 0 } = request;
    const bytes = by * bodyBytes;
    this.calls += by;
    this.bytes += bytes;
    const ofKey = this.#ofKey.get(keyId) ?? { calls: 0, bytes: 0 };
    ofKey.calls += by;
    ofKey.bytes += bytes;
    if (ofKey.calls > 0) this.#ofKey.set(keyId, ofKey);
    else this.#ofKey.delete(keyId);
  }
}
