/**
 * When free slots of an endpoint may be lent: while no call waits at its backend, it is one that any call
 * would be sent to, and it has met no trouble for a while.
 */
import type { Backend } from '../backends/backend.ts';
import type { Endpoint } from '../backends/endpoint.ts';

/** Time after a recall, or a failure at an endpoint, in which nothing is lent there, ms. */
const PAUSE_MS = 1_000;
/** Backends whose pause is remembered before those that are over are forgotten. */
const MAX_PAUSES = 64;

export class Lending {
  /** Until when nothing is lent of a backend, epoch ms. */
  readonly #pausedUntil = new Map<string, number>();

  mayLend(backend: Backend, endpoint: Endpoint, now: number): boolean {
    if (backend.removed || !backend.spec.lends || backend.waiting > 0) return false;
    if (now < (this.#pausedUntil.get(backend.name) ?? -Infinity)) return false;
    const isUp = endpoint.state === 'warm' && endpoint.takesCalls && !endpoint.slots.isOpening;
    return isUp && endpoint.trust.isWhole(now);
  }

  /** Nothing is lent of the backend for a while. */
  pause(backend: string, now: number): void {
    this.#pausedUntil.set(backend, now + PAUSE_MS);
    if (this.#pausedUntil.size <= MAX_PAUSES) return;
    for (const [name, until] of this.#pausedUntil) {
      if (until <= now) this.#pausedUntil.delete(name);
    }
  }

  clockWentBack(): void {
    this.#pausedUntil.clear();
  }
}
