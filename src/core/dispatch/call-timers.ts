/**
 * The timers of calls in flight: when the wait of each queued call ends, or when a lease expires. A
 * lease expires in two steps: it is doubted before its end and taken back after a further period.
 * In that period a live Worker renews it, even if only the clock jumped ahead or the tenant's
 * object was not running. What happens to a call whose timer fires is decided in
 * calls-in-flight.ts.
 */

import { OrderedQueue } from '../order/ordered-queue.ts';
import type { Lease } from '../runs/lease.ts';
import type { LiveCall } from '../runs/live-run.ts';

/**
 * Share of a lease's length before its end at which it is doubted. By then it should have been
 * renewed twice, since Workers renew it every third of its length.
 */
const DOUBTED_BEFORE = 1 / 3;
/** Share of a lease's length from the doubt until the slot is taken back. */
const DOUBT_LASTS = 1 / 2;

/** Since when a call has its slot. */
export interface Begun {
  /** Epoch ms: before now where the call runs on a lent slot and is reported late. */
  readonly at: number;
  /** The loan that the slot is of. */
  readonly loanId: string | undefined;
}

export class CallTimers {
  /** Length of the leases that begin from now on, ms. */
  leaseMs: number;
  readonly #queue = new OrderedQueue<LiveCall>();

  constructor(leaseMs: number) {
    this.leaseMs = leaseMs;
  }

  /** When the next timer fires, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#queue.peekKey();
  }

  /** Starts the timer of a call that may wait until an epoch ms. */
  setWait(call: LiveCall, until: number): void {
    this.#queue.set(call, until, call.seq);
  }

  /** A lease of the endpoint begins, in its full length. */
  beginLease(call: LiveCall, endpoint: string, { at, loanId }: Begun, now: number): Lease {
    const lengthMs = this.leaseMs;
    const lease: Lease = { endpoint, grantedAt: at, lengthMs, expiresAt: now + lengthMs };
    if (loanId !== undefined) lease.loanId = loanId;
    this.setLease(call, lease);
    return lease;
  }

  /** A lease counts from now on, in the length that it was granted with. */
  renewLease(call: LiveCall, lease: Lease, now: number): void {
    lease.expiresAt = now + lease.lengthMs;
    this.setLease(call, lease);
  }

  /** Starts the timer of a lease that was granted, renewed or restored. */
  setLease(call: LiveCall, lease: Lease): void {
    lease.doubted = false;
    this.#queue.set(call, doubtedAt(lease), call.seq);
  }

  /** Removes the timer of a call that is over. */
  clear(call: LiveCall): void {
    this.#queue.delete(call);
  }

  /**
   * Removes and returns a call whose wait or lease is over; undefined where none is. On the way it
   * marks leases as doubted.
   */
  nextExpired(now: number): LiveCall | undefined {
    while (this.#queue.peekKey() <= now) {
      const call = this.#queue.pop();
      if (!call?.lease || call.lease.doubted) return call;
      call.lease.doubted = true;
      this.#queue.set(call, now + call.lease.lengthMs * DOUBT_LASTS, call.seq);
    }
    return undefined;
  }

  /**
   * Handles a clock that jumps back: no wait or lease may end later than its full length from now.
   * `longestMs`: longest wait of the call.
   */
  clockWentBack(call: LiveCall, longestMs: number, now: number): void {
    const { lease } = call;
    const lengthMs = lease ? lease.lengthMs : longestMs;
    if (lease) lease.expiresAt = Math.min(lease.expiresAt, now + lengthMs);
    const latestLimit = Math.min(this.#queue.keyOf(call) ?? Infinity, now + lengthMs);
    this.#queue.set(call, latestLimit, call.seq);
  }
}

/** When the slot of a doubted lease is taken back if nothing is heard of it, epoch ms. */
export function takenBackAt(lease: Lease): number {
  return doubtedAt(lease) + lease.lengthMs * DOUBT_LASTS;
}

function doubtedAt({ expiresAt, lengthMs }: Lease): number {
  return expiresAt === Infinity ? Infinity : expiresAt - lengthMs * DOUBTED_BEFORE;
}
