/**
 * The calls that are held back for a busy endpoint although a slot may be free, and until when. Why a call is held back is decided in
 * backends/call-placement.ts; the order of the calls is in waiting-queue.ts.
 */
import type { LiveCall } from '../runs/live-run.ts';
import { OrderedQueue } from './ordered-queue.ts';

export class HeldBack {
  /** By the time until which it waits, epoch ms. */
  readonly #until = new OrderedQueue<LiveCall>();
  /** Time so far in which calls were held back while a slot was free, ms. */
  #freeMs = 0;
  /** Since when a slot has been free beside them, epoch ms; undefined where none is. */
  #freeSince: number | undefined;

  get size(): number {
    return this.#until.size;
  }

  /** When the next call is to be held back no longer, epoch ms; Infinity for never. */
  get dueAt(): number {
    return this.#until.peekKey();
  }

  hold(call: LiveCall, endpoint: string, now: number): void {
    this.#elapse(now);
    call.placed.heldFor = endpoint;
    call.placed.heldFrom = this.#freeMs;
    this.#until.set(call, call.placed.heldUntil, call.seq);
  }

  /** The call is not held back any more, or does not wait. */
  release(call: LiveCall, now: number): void {
    if (!this.#until.delete(call)) return;
    this.#elapse(now);
    call.placed.heldFor = undefined;
    call.placed.heldTo = now;
    call.placed.heldMs += this.#freeMs - call.placed.heldFrom;
  }

  /** A call that has been held back for as long as it may; undefined where none has. */
  expired(now: number): LiveCall | undefined {
    return this.#until.peekKey() <= now ? this.#until.peek() : undefined;
  }

  /** Whether a slot is free from now on. */
  slotIsFree(isFree: boolean, now: number): void {
    this.#elapse(now);
    this.#freeSince = isFree ? now : undefined;
  }

  /** Handles a clock that jumps back; the calls must have been released. */
  clockWentBack(now: number): void {
    if (this.#freeSince !== undefined) this.#freeSince = Math.min(this.#freeSince, now);
  }

  #elapse(now: number): void {
    if (this.#freeSince === undefined) return;
    this.#freeMs += Math.max(0, now - this.#freeSince);
    this.#freeSince = now;
  }
}
