/**
 * How many of its slots an endpoint can really serve: halved when it says that it is overloaded,
 * regained by one for each round of successes (additive increase, multiplicative decrease).
 */

const DECREASE = 0.5;

export class EffectiveSlots {
  #limit = Infinity;
  /** When it was halved last, epoch ms. */
  #halvedAt = -Infinity;

  /** Of so many slots, those to be used now; 1 at the least. */
  of(slots: number): number {
    return Math.min(slots, Math.max(1, Math.floor(this.#limit)));
  }

  /**
   * It was overloaded while so many calls ran there, one of them sent at a time. Those that were sent
   * before it was halved tell of the same overload.
   */
  overloaded(slots: number, running: number, sentAt: number, now: number): void {
    if (sentAt <= this.#halvedAt) return;
    this.#halvedAt = now;
    this.#limit = Math.max(1, Math.min(this.of(slots), running) * DECREASE);
  }

  /** It told that so many of its running calls wait for a place in its batch. */
  queued(slots: number, running: number, waiting: number): void {
    if (waiting > 0) this.#limit = Math.max(1, Math.min(this.of(slots), running - waiting));
  }

  /** The clock went back. */
  clockWentBack(now: number): void {
    this.#halvedAt = Math.min(this.#halvedAt, now);
  }

  succeeded(slots: number): void {
    if (this.#limit === Infinity) return;
    this.#limit += 1 / this.#limit;
    if (this.#limit >= slots) this.#limit = Infinity;
  }
}
