/**
 * Free slots that are left to the call that goes next because it asks for more than are free at any
 * endpoint. One endpoint is kept for it, the one with the most free slots, until enough calls there
 * have ended; others go on at the other endpoints. The choice is made anew in each round of grants.
 * What is kept stays so, or gives way to an endpoint with more: so the wait ends. Its API key is
 * charged for the time in which nobody had the slots, but afterwards: the key does not lose its turn
 * by waiting for it.
 */

interface Kept {
  readonly callId: string;
  readonly key: string;
  readonly slots: number;
  /** Epoch ms. */
  readonly since: number;
}

export class KeptSlots {
  /** By endpoint. */
  readonly #kept = new Map<string, Kept>();
  /** What each call is yet to be charged for, slot-ms. */
  readonly #owed = new Map<string, { readonly key: string; slotMs: number }>();

  has(endpoint: string): boolean {
    return this.#kept.has(endpoint);
  }

  keep(endpoint: string, kept: Kept): void {
    this.#kept.set(endpoint, kept);
  }

  /** A round of grants begins: nothing is kept yet. */
  beginRound(now: number): void {
    if (this.#kept.size === 0) return;
    for (const { callId, key, slots, since } of this.#kept.values()) {
      const owed = this.#owed.get(callId) ?? { key, slotMs: 0 };
      if (Number.isFinite(slots)) owed.slotMs += slots * Math.max(0, now - since);
      this.#owed.set(callId, owed);
    }
    this.#kept.clear();
  }

  /** It has ended: charges for calls for which nothing is kept any more. */
  endRound(charge: (key: string, slotMs: number) => void): void {
    if (this.#owed.size === 0) return;
    const waiting = new Set([...this.#kept.values()].map(({ callId }) => callId));
    for (const [callId, { key, slotMs }] of this.#owed) {
      if (waiting.has(callId)) continue;
      charge(key, slotMs);
      this.#owed.delete(callId);
    }
  }
}
