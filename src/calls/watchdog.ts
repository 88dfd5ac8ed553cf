/**
 * Enforces the three time limits of a call: until the first byte, between two pieces of the answer,
 * and in total. An expired limit aborts the upstream request, and `expired` names it for the
 * client. The wait for a slot has its own limits in the tenant's object.
 */
import type { CallTimeouts } from '../endpoints/address.ts';

/** Longest time between the end of an answer and its usage, ms: engines send both at once. */
const AFTER_END_MS = 2_000;

type Timer = ReturnType<typeof setTimeout>;

export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeouts: CallTimeouts;
  readonly #onExpired: () => void;
  readonly #totalTimer: Timer;
  /** Looks at the present wait when it may be too long: a timer for each piece would cost more. */
  #waitTimer: Timer;
  #waitsSince = Date.now();
  /** The answer has begun. */
  #begun = false;
  #isComplete = false;
  #stopped = false;
  /** The limit that expired, in words for the client; undefined while none has. */
  expired: string | undefined;

  constructor(timeouts: CallTimeouts, onExpired: () => void) {
    this.#timeouts = timeouts;
    this.#onExpired = onExpired;
    const { totalMs } = timeouts;
    const onTotal = () => this.#expire(`it took longer than ${totalMs} ms`);
    this.#totalTimer = setTimeout(onTotal, totalMs);
    this.#waitTimer = this.#lookAfter(this.#limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Restarts the wait for the first byte; has no effect once the answer has begun. */
  again(): void {
    if (!this.#begun) this.#waitsSince = Date.now();
  }

  /** Called for each piece of the answer: restarts the limit between two pieces. */
  piece(): void {
    this.#waitsSince = Date.now();
    if (this.#begun || this.#stopped) return;
    this.#begun = true;
    clearTimeout(this.#waitTimer);
    this.#waitTimer = this.#lookAfter(this.#limitMs);
  }

  /** All of the answer is there: what may still follow has only a short time. */
  complete(): void {
    if (this.#isComplete || this.#stopped) return;
    this.#isComplete = true;
    clearTimeout(this.#waitTimer);
    this.#waitTimer = this.#lookAfter(this.#limitMs);
  }

  /** Cancels the upstream request, for whatever reason. */
  abort(): void {
    this.stop();
    this.#controller.abort();
  }

  /** Stops all timers without cancelling the upstream request. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#totalTimer);
    clearTimeout(this.#waitTimer);
  }

  /** Longest time of the present wait. */
  get #limitMs(): number {
    const { idleMs, firstByteMs } = this.#timeouts;
    if (!this.#begun) return firstByteMs;
    return this.#isComplete ? Math.min(AFTER_END_MS, idleMs) : idleMs;
  }

  #lookAfter(ms: number): Timer {
    return setTimeout(() => {
      const limitMs = this.#limitMs;
      const leftMs = this.#waitsSince + limitMs - Date.now();
      if (leftMs > 0) this.#waitTimer = this.#lookAfter(leftMs);
      else if (this.#begun) this.#expire(`silent for ${limitMs} ms in the middle of its answer`);
      else this.#expire(`no answer within ${limitMs} ms`);
    }, ms);
  }

  #expire(why: string): void {
    this.expired = why;
    this.abort();
    this.#onExpired();
  }
}
