/**
 * The circuit breaker of one endpoint. Closed: calls are sent. Open: after three faults in a row no
 * call is sent for a pause, which doubles with each further fault. Half open: when the pause is
 * over, one call probes the endpoint; its success closes the circuit, its fault opens it again. A
 * fault of a call that was sent before the circuit opened counts as the same fault and does not
 * extend the pause.
 */

const FAULTS_TO_OPEN = 3;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class CircuitBreaker {
  #faults = 0;
  /** True while the one call of the half-open state is out. */
  #isProbing = false;
  /** When the circuit last opened, epoch ms. */
  #openedAt = -Infinity;
  /** Ends of the pause after faults and of the pause that the endpoint asked for, epoch ms. */
  #faultPauseUntil = 0;
  #askedPauseUntil = 0;

  /** No call is sent before this time, epoch ms. */
  get openUntil(): number {
    return Math.max(this.#faultPauseUntil, this.#askedPauseUntil);
  }

  /** True where the endpoint asked for a pause since the breaker was made. */
  get isPaused(): boolean {
    return this.#askedPauseUntil > 0;
  }

  stateAt(now: number): 'closed' | 'open' | 'half-open' {
    if (now < this.openUntil) return 'open';
    return this.#faults >= FAULTS_TO_OPEN ? 'half-open' : 'closed';
  }

  /** True where a call may be sent now. */
  admits(now: number): boolean {
    const state = this.stateAt(now);
    return state === 'closed' || (state === 'half-open' && !this.#isProbing);
  }

  /** A call is sent. */
  sent(now: number): void {
    if (this.stateAt(now) === 'half-open') this.#isProbing = true;
  }

  /** A call that was sent at `sentAt` has ended; where it was the probe, another may follow. */
  over(sentAt: number): void {
    if (sentAt > this.#openedAt) this.#isProbing = false;
  }

  /** A call that was sent at `sentAt` failed by the endpoint's fault. */
  failed(now: number, sentAt: number): void {
    if (sentAt <= this.#openedAt) return;
    this.#isProbing = false;
    this.#faults += 1;
    const extraFaults = this.#faults - FAULTS_TO_OPEN;
    if (extraFaults < 0) return;
    this.#openedAt = now;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** extraFaults);
    this.#faultPauseUntil = Math.max(this.#faultPauseUntil, now + pauseMs);
  }

  /** The endpoint served a call: the circuit closes. A pause that it asked for still holds. */
  succeeded(): void {
    this.#isProbing = false;
    this.#faults = 0;
    this.#faultPauseUntil = 0;
  }

  /** The endpoint asked for a pause; at most the longest pause is granted. */
  pause(now: number, ms: number): void {
    this.#askedPauseUntil = Math.max(this.#askedPauseUntil, now + Math.min(ms, LONGEST_PAUSE_MS));
  }

  /** Handles a clock that jumps back: no pause from `now` is longer than the longest. */
  clockWentBack(now: number): void {
    this.#openedAt = Math.min(this.#openedAt, now);
    this.#faultPauseUntil = Math.min(this.#faultPauseUntil, now + LONGEST_PAUSE_MS);
    this.#askedPauseUntil = Math.min(this.#askedPauseUntil, now + LONGEST_PAUSE_MS);
  }
}
