/** The calls that wait for one backend: in all, by API key, and those that are held back. */
import { CallTotals } from '../runs/call-totals.ts';
import type { LiveCall } from '../runs/live-run.ts';

export class WaitingTotals {
  readonly all = new CallTotals();
  /** Keys of which no call waits any more. */
  #emptied = new Set<string>();
  /** Calls that are held back, by endpoint. */
  readonly #held = new Map<string, number>();

  /** The keys of which no call waits any more, since this was last asked. */
  takeEmptied(): Iterable<string> {
    if (this.#emptied.size === 0) return [];
    const emptied = this.#emptied;
    this.#emptied = new Set();
    return emptied;
  }

  /** Number of calls that are held back for an endpoint. */
  heldFor(endpoint: string): number {
    return this.#held.get(endpoint) ?? 0;
  }

  /** Counts a call that begins to wait, or waits no more; `place`: held back for it, or empty. */
  count(call: LiveCall, place: string, by: 1 | -1): void {
    this.all.count(call, by);
    const key = call.request.keyId ?? '';
    if (this.all.ofKey(key).calls === 0) this.#emptied.add(key);
    if (place === '') return;
    const held = this.heldFor(place) + by;
    if (held > 0) this.#held.set(place, held);
    else this.#held.delete(place);
  }
}
