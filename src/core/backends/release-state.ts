/**
 * Whether an endpoint that does not go cold by itself was told to, and when it is told again. An
 * endpoint that is told and stays up keeps its GPU, so a release that fails is repeated. When a
 * release pays before that is decided in prewarm/.
 */

/** Pause after a release that failed, ms; it doubles with each further one. */
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 3_600_000;

export class ReleaseState {
  /** When the request that is out was sent, epoch ms. */
  #sentAt: number | undefined;
  #failures = 0;
  #pausedUntil = -Infinity;

  /** A request is out, and its answer is not known. */
  get isOut(): boolean {
    return this.#sentAt !== undefined;
  }

  /** No release is sent before this time, epoch ms; Infinity while one is out. */
  get notBefore(): number {
    return this.isOut ? Infinity : this.#pausedUntil;
  }

  sent(now: number): void {
    this.#sentAt = now;
  }

  /** True where the answer is to the request that is out. */
  answered(ok: boolean, now: number): boolean {
    if (!this.isOut) return false;
    this.#sentAt = undefined;
    this.#failures = ok ? 0 : this.#failures + 1;
    const pauseMs = FIRST_PAUSE_MS * 2 ** (this.#failures - 1);
    this.#pausedUntil = ok ? -Infinity : now + Math.min(pauseMs, LONGEST_PAUSE_MS);
    return true;
  }

  /** The endpoint is woken or used again: what a release would answer now is of no interest. */
  overtaken(): void {
    this.#sentAt = undefined;
  }

  /** Handles a clock that jumps back: no pause from `now` is longer than the longest. */
  clockWentBack(now: number): void {
    this.#pausedUntil = Math.min(this.#pausedUntil, now + LONGEST_PAUSE_MS);
    if (this.#sentAt !== undefined) this.#sentAt = Math.min(this.#sentAt, now);
  }
}
