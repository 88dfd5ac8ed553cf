/**
 * Whether an endpoint is trusted with calls. Closed: it is. Open: after three faults in a row it is
 * left alone, each time twice as long. Half open: when the pause is over, one call tries it; its
 * success closes the circuit, its fault opens it again.
 */

const FAULTS_TO_OPEN = 3;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class CircuitBreaker {
  #faults = 0;
  #probing = false;
  /** Not to be used before this time, epoch ms. */
  openUntil = 0;

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

  /** A call is over that said nothing of the endpoint. */
  over(): void {
    this.#probing = false;
  }

  failed(now: number): void {
    this.#probing = false;
    this.#faults += 1;
    const beyond = this.#faults - FAULTS_TO_OPEN;
    if (beyond >= 0) this.pause(now, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** beyond));
  }

  succeeded(): void {
    this.#probing = false;
    this.#faults = 0;
    this.openUntil = 0;
  }

  /** It asked to be left alone for a while. */
  pause(now: number, ms: number): void {
    this.openUntil = Math.max(this.openUntil, now + Math.min(ms, LONGEST_PAUSE_MS));
  }

  /** The clock went back: no pause is longer than the longest. */
  turnBack(now: number): void {
    this.openUntil = Math.min(this.openUntil, now + LONGEST_PAUSE_MS);
  }
}
