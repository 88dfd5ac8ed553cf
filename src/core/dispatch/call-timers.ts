/**
 * By when something must happen to each call: its wait ends, or its lease does. A lease is doubted
 * before it ends, and by then a Worker that lives has renewed it, also where only the clock leapt or
 * the object was away.
 */

import { OrderedQueue } from '../order/ordered-queue.ts';
import type { Lease } from '../runs/lease.ts';
import type { LiveCall } from '../runs/live-run.ts';

/** Of a lease's length: so long before its end it should have been renewed for the second time. */
const DOUBTED_BEFORE = 1 / 3;
/** Of a lease's length: from when it is doubted until it is taken back. */
const DOUBT_LASTS = 1 / 2;

export class CallTimers {
  readonly #queue = new OrderedQueue<LiveCall>();

  /** When the next limit is reached, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#queue.peekKey();
  }

  /** The call waits, until a time at the most. */
  setWait(call: LiveCall, until: number): void {
    this.#queue.set(call, until, call.seq);
  }

  /** The call has a lease that is granted or renewed now. */
  setLease(call: LiveCall, lease: Lease): void {
    lease.doubted = false;
    this.#queue.set(call, doubtedAt(lease), call.seq);
  }

  /** The call is over. */
  clear(call: LiveCall): void {
    this.#queue.delete(call);
  }

  /** A call that is beyond its limit, waiting or holding; it is forgotten. Undefined where none is. */
  nextExpired(now: number): LiveCall | undefined {
    while (this.#queue.peekKey() <= now) {
      const call = this.#queue.pop();
      if (!call?.lease || call.lease.doubted) return call;
      call.lease.doubted = true;
      this.#queue.set(call, now + call.lease.lengthMs * DOUBT_LASTS, call.seq);
    }
    return undefined;
  }

  /** The clock went back: no limit is farther than it can be. `longestMs`: of a wait. */
  clockWentBack(call: LiveCall, longestMs: number, now: number): void {
    const { lease } = call;
    const lastsMs = lease ? lease.lengthMs : longestMs;
    if (lease) lease.expiresAt = Math.min(lease.expiresAt, now + lastsMs);
    const limit = Math.min(this.#queue.keyOf(call) ?? Infinity, now + lastsMs);
    this.#queue.set(call, limit, call.seq);
  }
}

function doubtedAt({ expiresAt, lengthMs }: Lease): number {
  return expiresAt === Infinity ? Infinity : expiresAt - lengthMs * DOUBTED_BEFORE;
}
