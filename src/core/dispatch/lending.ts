/**
 * When free slots of an endpoint may be lent: while no call waits at its backend, it is one that any call
 * would be sent to, and it has met no trouble for a while.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';

/** Time after a recall, or a failure at an endpoint, in which nothing is lent there, ms. */
const PAUSE_MS = 1_000;

export class Lending {
  /** Until when nothing is lent of a backend, epoch ms. */
  readonly #pausedUntil = new WeakMap<Backend, number>();

  mayLend(backend: Backend, endpoint: Endpoint, now: number): boolean {
    const pausedUntil = this.#pausedUntil.get(backend) ?? now;
    // A pause that a clock which went back would prolong is over.
    if (now < pausedUntil && pausedUntil - now <= PAUSE_MS) return false;
    if (backend.removed || !backend.spec.lends || backend.waiting > 0) return false;
    const isUp = endpoint.state === 'warm' && endpoint.takesCalls && !endpoint.slots.isOpening;
    return isUp && endpoint.trust.isWhole(now);
  }

  /** Nothing is lent of the backend for a while. */
  pause(backend: Backend | undefined, now: number): void {
    if (backend) this.#pausedUntil.set(backend, now + PAUSE_MS);
  }
}
