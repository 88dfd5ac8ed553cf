/** How many calls wait for one backend and how long their bodies are, in all and by API key. */
import type { LiveCall } from '../runs/live-run.ts';

/** Calls and bodies of one API key that wait. */
export interface WaitingOfKey {
  calls: number;
  bytes: number;
}

const NOTHING_WAITS: Readonly<WaitingOfKey> = { calls: 0, bytes: 0 };

export class WaitingTotals {
  calls = 0;
  /** Bytes of the bodies that Workers hold for the waiting calls. */
  bytes = 0;
  readonly #ofKey = new Map<string, WaitingOfKey>();
  /** Keys of which no call waits any more. */
  #emptied = new Set<string>();
  /** Calls that are held back, by endpoint. */
  readonly #held = new Map<string, number>();

  /** Calls of an API key that wait, and bytes of their bodies. */
  ofKey(key: string): Readonly<WaitingOfKey> {
    return this.#ofKey.get(key) ?? NOTHING_WAITS;
  }

  /** The keys of which no call waits any more, since this was last asked. */
  takeEmptied(): Iterable<string> {
    if (this.#emptied.size === 0) return [];
    const emptied = this.#emptied;
    this.#emptied = new Set();
    return emptied;
  }

  /** API keys with waiting calls. */
  get keys(): Iterable<string> {
    return this.#ofKey.keys();
  }

  /** Number of calls that are held back for an endpoint. */
  heldFor(endpoint: string): number {
    return this.#held.get(endpoint) ?? 0;
  }

  /** Counts a call that begins to wait, or waits no more; `place`: held back for it, or empty. */
  count(call: LiveCall, place: string, by: 1 | -1): void {
    const bytes = by * (call.request.bodyBytes ?? 0);
    this.calls += by;
    this.bytes += bytes;
    const key = call.request.keyId ?? '';
    const waiting = this.#ofKey.get(key) ?? { calls: 0, bytes: 0 };
    waiting.calls += by;
    waiting.bytes += bytes;
    if (waiting.calls > 0) this.#ofKey.set(key, waiting);
    else {
      this.#ofKey.delete(key);
      this.#emptied.add(key);
    }
    if (place === '') return;
    const held = this.heldFor(place) + by;
    if (held > 0) this.#held.set(place, held);
    else this.#held.delete(place);
  }
}
