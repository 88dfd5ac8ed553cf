/**
 * The three time limits of a call: until its first byte, between two pieces, and in all. They abort
 * the upstream request; which of them it was is told, so that the client can be.
 */
import type { CallTimeouts } from '../endpoints/address.ts';

export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeouts: CallTimeouts;
  readonly #total: ReturnType<typeof setTimeout>;
  #piece: ReturnType<typeof setTimeout>;
  /** The answer has begun, or all is over. */
  #begun = false;
  /** What ran out; undefined while nothing has. */
  expired: string | undefined;

  readonly #onExpired: () => void;

  constructor(timeouts: CallTimeouts, onExpired: () => void) {
    this.#timeouts = timeouts;
    this.#onExpired = onExpired;
    const { firstByteMs, totalMs } = timeouts;
    this.#total = this.#arm(totalMs, `it took longer than ${totalMs} ms`);
    this.#piece = this.#arm(firstByteMs, `no answer within ${firstByteMs} ms`);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The wait for the first byte begins anew; no matter once the answer has begun. */
  again(): void {
    if (this.#begun) return;
    clearTimeout(this.#piece);
    const { firstByteMs } = this.#timeouts;
    this.#piece = this.#arm(firstByteMs, `no answer within ${firstByteMs} ms`);
  }

  /** A piece of the answer came. */
  piece(): void {
    this.#begun = true;
    clearTimeout(this.#piece);
    const { idleMs } = this.#timeouts;
    this.#piece = this.#arm(idleMs, `silent for ${idleMs} ms in the middle of its answer`);
  }

  /** Cancels upstream for another reason. */
  abort(): void {
    this.stop();
    this.#controller.abort();
  }

  stop(): void {
    this.#begun = true;
    clearTimeout(this.#total);
    clearTimeout(this.#piece);
  }

  #arm(ms: number, why: string): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.expired = why;
      this.abort();
      this.#onExpired();
    }, ms);
  }
}
