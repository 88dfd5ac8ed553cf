/**
 * Whether a cold endpoint is woken for calls that wait: where those that are up or coming are not
 * expected to serve them sooner. Wakes ahead of need are decided in prewarm/.
 */
import type { WaitingQueue } from '../order/waiting-queue.ts';
import type { LiveCall } from '../runs/live-run.ts';
import type { Endpoint } from './endpoint.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { isLate, type RunningCall } from './freeing-slots.ts';

/** A queue that did not move for this share of a cold start is not left to the endpoints that are up. */
const STALLED_SHARE = 0.5;

/** The part of a backend that is read here. */
export interface DemandView {
  readonly pool: EndpointPool;
  readonly queue: WaitingQueue;
  /** Calls that wait, in the queue and beside it. */
  readonly waiting: number;
  /** Calls that hold a slot. */
  runningCalls(): Iterable<LiveCall>;
}

/** Service time of a running call by what is known of its kind, ms. */
export type ServiceTimeOf = (call: LiveCall) => number;

export class DemandWake {
  readonly #backend: DemandView;
  /** When a waiting call last got a slot, or the first one began to wait, epoch ms. */
  #movedAt = -Infinity;

  constructor(backend: DemandView) {
    this.#backend = backend;
  }

  /** A waiting call got a slot, or the first one begins to wait. */
  moved(now: number): void {
    this.#movedAt = now;
  }

  clockWentBack(now: number): void {
    this.#movedAt = Math.min(this.#movedAt, now);
  }

  /**
   * The cold endpoint to wake for calls that wait, the one that starts soonest; undefined where those
   * that are up or coming serve them sooner. `needsOther`: the warm ones do not suffice, but a warming
   * one would.
   */
  endpoint(needsOther: boolean, now: number, expectedMs: ServiceTimeOf): Endpoint | undefined {
    const { pool, waiting } = this.#backend;
    let isWarming = false;
    let cold: Endpoint | undefined;
    for (const endpoint of pool.list) {
      if (endpoint.isPaused) continue;
      if (endpoint.state === 'warming') isWarming = true;
      else if (endpoint.state === 'cold' && this.#isWanted(endpoint, now)) {
        if (!cold || endpoint.coldStartMs < cold.coldStartMs) cold = endpoint;
      }
    }
    if (!cold) return undefined;
    const isShort = waiting > pool.upSlots(now) || (needsOther && !isWarming);
    return isShort || this.#servesSooner(cold, now, expectedMs) ? cold : undefined;
  }

  /** True where a waiting key may use the endpoint; without waiting calls the present keys count. */
  #isWanted({ trust }: Endpoint, now: number): boolean {
    let hasKeys = false;
    for (const key of this.#backend.queue.keys) {
      if (!trust.isOpenFor(key, now)) return true;
      hasKeys = true;
    }
    return !hasKeys && now >= trust.openUntil(now);
  }

  /** True where a cold endpoint, woken now, may serve a waiting call before those that are up do. */
  #servesSooner(cold: Endpoint, now: number, expectedMs: ServiceTimeOf): boolean {
    const { coldStartMs } = cold;
    let waiting = this.#backend.queue.size;
    let count = 0;
    const isStalled = now - this.#movedAt >= coldStartMs * STALLED_SHARE;
    const up = new Set<string>();
    for (const endpoint of this.#backend.pool.list) {
      if (endpoint === cold || endpoint.upSlots(now) === 0) continue;
      if (endpoint.state === 'warm') {
        waiting -= Math.max(0, endpoint.slots.free);
        count += endpoint.slots.inFlight;
        up.add(endpoint.spec.id);
        // One that is later than expected may be as late again.
      } else if (Math.abs(endpoint.readyAt - now) <= coldStartMs) {
        waiting -= endpoint.upSlots(now);
      }
    }
    if (waiting > 0 && isStalled) return true;
    return isLate(waiting, this.#runningAt(up, now, expectedMs), count, coldStartMs);
  }

  *#runningAt(
    endpoints: ReadonlySet<string>,
    now: number,
    expectedMs: ServiceTimeOf,
  ): Iterable<RunningCall> {
    for (const call of this.#backend.runningCalls()) {
      if (!call.lease || !endpoints.has(call.lease.endpoint)) continue;
      yield { elapsedMs: now - call.lease.grantedAt, expectedMs: expectedMs(call) };
    }
  }
}
