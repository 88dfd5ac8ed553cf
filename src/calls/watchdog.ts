/**
 * Enforces the three time limits of a call: until the first byte, between two pieces of the answer,
 * and in total. An expired limit aborts the upstream request, and `expired` names it for the
 * client. The wait for a slot has its own limits in the tenant's object.
 *
 * One timer serves all of them and the renewal of the lease: it is set for what is due first, and a
 * limit that moves away is looked at again when it fires. Four timers take a fifth of the CPU of a
 * Worker that only forwards.
 */
import type { CallTimeouts } from '../endpoints/address.ts';

/** Longest time between the end of an answer and its usage, ms: engines send both at once. */
const AFTER_END_MS = 2_000;

/** What is done each so many ms while the call runs. */
export interface Renewal {
  readonly everyMs: number;
  readonly renew: () => void;
}

export class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeouts: CallTimeouts;
  readonly #renewal: Renewal;
  readonly #onExpired: () => void;
  readonly #startedAt = Date.now();
  #renewsAt: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAt = Infinity;
  #waitsSince = this.#startedAt;
  /** The answer has begun. */
  #begun = false;
  #isComplete = false;
  #stopped = false;
  /** The limit that expired, in words for the client; undefined while none has. */
  expired: string | undefined;

  constructor(timeouts: CallTimeouts, renewal: Renewal, onExpired: () => void) {
    this.#timeouts = timeouts;
    this.#renewal = renewal;
    this.#onExpired = onExpired;
    this.#renewsAt = this.#startedAt + renewal.everyMs;
    this.#arm(this.#startedAt);
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
    if (this.#begun) return;
    this.#begun = true;
    this.#arm(this.#waitsSince);
  }

  /** All of the answer is there: what may still follow has only a short time. */
  complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    this.#arm(Date.now());
  }

  /** Cancels the upstream request, for whatever reason. */
  abort(): void {
    this.stop();
    this.#controller.abort();
  }

  /** Stops the timer without cancelling the upstream request. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Longest time of the present wait. */
  get #limitMs(): number {
    const { idleMs, firstByteMs } = this.#timeouts;
    if (!this.#begun) return firstByteMs;
    return this.#isComplete ? Math.min(AFTER_END_MS, idleMs) : idleMs;
  }

  /** Sets the timer, unless it fires early enough. */
  #arm(now: number): void {
    const totalAt = this.#startedAt + this.#timeouts.totalMs;
    const at = Math.min(this.#renewsAt, totalAt, this.#waitsSince + this.#limitMs);
    if (this.#stopped || at >= this.#timerAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, at - now));
  }

  #look(): void {
    const now = Date.now();
    const { totalMs } = this.#timeouts;
    const limitMs = this.#limitMs;
    this.#timerAt = Infinity;
    if (now >= this.#startedAt + totalMs) this.#expire(`it took longer than ${totalMs} ms`);
    else if (now < this.#waitsSince + limitMs) {
      if (now >= this.#renewsAt) this.#renew(now);
      this.#arm(now);
    } else if (this.#begun) {
      this.#expire(`silent for ${limitMs} ms in the middle of its answer`);
    } else this.#expire(`no answer within ${limitMs} ms`);
  }

  #renew(now: number): void {
    this.#renewsAt = now + this.#renewal.everyMs;
    this.#renewal.renew();
  }

  #expire(why: string): void {
    this.expired = why;
    this.abort();
    this.#onExpired();
  }
}
