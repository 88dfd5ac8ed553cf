/**
 * Enforces the three time limits of a call: until the first byte, between two pieces of the answer,
 * and in total. An expired limit aborts the upstream request, and `expired` names it for the
 * client. The wait for a slot has its own limits in the tenant's object.
 */
import type { CallTimeouts } from '../endpoints/address.ts';

export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeouts: CallTimeouts;
  readonly #totalTimer: ReturnType<typeof setTimeout>;
  #pieceTimer: ReturnType<typeof setTimeout>;
  /** The answer has begun, or the call is over. */
  #begun = false;
  /** The limit that expired, in words for the client; undefined while none has. */
  expired: string | undefined;

  readonly #onExpired: () => void;

  constructor(timeouts: CallTimeouts, onExpired: () => void) {
    this.#timeouts = timeouts;
    this.#onExpired = onExpired;
    const { firstByteMs, totalMs } = timeouts;
    this.#totalTimer = this.#arm(totalMs, `it took longer than ${totalMs} ms`);
    this.#pieceTimer = this.#arm(firstByteMs, `no answer within ${firstByteMs} ms`);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restarts the wait for the first byte; has no effect once the answer has begun. */
  again(): void {
    if (this.#begun) return;
    clearTimeout(this.#pieceTimer);
    const { firstByteMs } = this.#timeouts;
    this.#pieceTimer = this.#arm(firstByteMs, `no answer within ${firstByteMs} ms`);
  }

  /** Called for each piece of the answer: restarts the limit between two pieces. */
  piece(): void {
    this.#begun = true;
    clearTimeout(this.#pieceTimer);
    const { idleMs } = this.#timeouts;
    this.#pieceTimer = this.#arm(idleMs, `silent for ${idleMs} ms in the middle of its answer`);
  }

  /** Cancels the upstream request, for whatever reason. */
  abort(): void {
    this.stop();
    this.#controller.abort();
  }

  /** Stops all timers without cancelling the upstream request. */
  stop(): void {
    this.#begun = true;
    clearTimeout(this.#totalTimer);
    clearTimeout(this.#pieceTimer);
  }

  #arm(ms: number, why: string): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.expired = why;
      this.abort();
      this.#onExpired();
    }, ms);
  }
}
