/**
 * The number of slots that an endpoint can really serve, at most the configured number: halved when
 * the endpoint reports overload, and increased by one for each round of successful calls (additive
 * increase, multiplicative decrease). The slots of an endpoint that has just woken are in
 * slow-start.ts.
 */

const DECREASE = 0.5;

export class EffectiveSlots {
  /** Slots that the engine told that it has; Infinity where it did not. */
  told = Infinity;
  /** Infinity where no limit below the configured slots applies. */
  #limit = Infinity;
  /** When the limit was last halved, epoch ms. */
  #halvedAt = -Infinity;

  /** Slots to use now, of the configured number; at least 1. */
  of(slots: number): number {
    if (this.#limit === Infinity) return Math.min(slots, this.told);
    return Math.min(slots, this.told, Math.max(1, Math.floor(this.#limit)));
  }

  /** True where calls have shown that there are fewer slots than `slots`. */
  isShownBelow(slots: number): boolean {
    return Math.floor(this.#limit) < slots;
  }

  /**
   * A call that was sent at `sentAt` was answered with "overloaded" while `running` calls ran.
   * Calls that were sent before the last halving report the same overload and do not count again.
   */
  overloaded(slots: number, running: number, sentAt: number, now: number): void {
    if (sentAt <= this.#halvedAt) return;
    this.#halvedAt = now;
    this.#limit = Math.max(1, Math.min(this.of(slots), running) * DECREASE);
  }

  /** The endpoint reported that `waiting` of its running calls wait for a place in its batch. */
  queued(slots: number, running: number, waiting: number): void {
    if (waiting > 0) this.#limit = Math.max(1, Math.min(this.of(slots), running - waiting));
  }

  /** Handles a clock that jumps back: an overload after `now` is not mistaken for an older one. */
  clockWentBack(now: number): void {
    this.#halvedAt = Math.min(this.#halvedAt, now);
  }

  /** A call was served to its end: a round of `#limit` calls adds one slot. */
  succeeded(slots: number): void {
    if (this.#limit === Infinity) return;
    this.#limit += 1 / this.#limit;
    if (this.#limit >= slots) this.#limit = Infinity;
  }
}
