/**
 * Whether an endpoint is trusted with calls. Closed: it is. Open: after three faults in a row it is
 * left alone, each time twice as long. Half open: when the pause is over, one call tries it; its
 * success closes the circuit, its fault opens it again. What was sent before the circuit opened tells
 * of the same fault, and does not open it further.
 */

const FAULTS_TO_OPEN = 3;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class CircuitBreaker {
  #faults = 0;
  #probing = false;
  /** When it opened last, epoch ms. */
  #openedAt = -Infinity;
  /** Left alone after faults, and because it asked for it, until then, epoch ms. */
  #brokenUntil = 0;
  #pausedUntil = 0;

  /** Not to be used before this time, epoch ms. */
  get openUntil(): number {
    return Math.max(this.#brokenUntil, this.#pausedUntil);
  }

  stateAt(now: number): 'closed' | 'open' | 'half-open' {
    if (now < this.openUntil) return 'open';
    return this.#faults >= FAULTS_TO_OPEN ? 'half-open' : 'closed';
  }

  /** True where a call may be sent now. */
  admits(now: number): boolean {
    const state = this.stateAt(now);
    return state === 'closed' || (state === 'half-open' && !this.#probing);
  }

  /** A call is sent. */
  sent(now: number): void {
    if (this.stateAt(now) === 'half-open') this.#probing = true;
  }

  /** A call is over that said nothing of the endpoint, sent at a time. */
  over(sentAt: number): void {
    if (sentAt > this.#openedAt) this.#probing = false;
  }

  failed(now: number, sentAt: number): void {
    if (sentAt <= this.#openedAt) return;
    this.#probing = false;
    this.#faults += 1;
    const beyond = this.#faults - FAULTS_TO_OPEN;
    if (beyond < 0) return;
    this.#openedAt = now;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** beyond);
    this.#brokenUntil = Math.max(this.#brokenUntil, now + pauseMs);
  }

  /** It served a call; that it had asked to be left alone still holds. */
  succeeded(): void {
    this.#probing = false;
    this.#faults = 0;
    this.#brokenUntil = 0;
  }

  /** It asked to be left alone for a while. */
  pause(now: number, ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.min(ms, LONGEST_PAUSE_MS));
  }

  /** The clock went back: no pause is longer than the longest. */
  clockWentBack(now: number): void {
    this.#openedAt = Math.min(this.#openedAt, now);
    this.#brokenUntil = Math.min(this.#brokenUntil, now + LONGEST_PAUSE_MS);
    this.#pausedUntil = Math.min(this.#pausedUntil, now + LONGEST_PAUSE_MS);
  }
}
