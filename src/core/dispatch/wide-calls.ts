/**
 * Calls of one round of grants that need more slots than any endpoint has free. They keep their
 * places in the queue. Calls behind them may take slots elsewhere meanwhile, as far as the policy lets
 * their runs go first.
 */
import type { NextCall, WaitingQueue } from '../order/waiting-queue.ts';

/** More of them end the round, so that a long line of them is not looked at in each. */
const MOST_WIDE = 16;

export class WideCalls {
  readonly #waiting: NextCall[] = [];
  /** Runs that arrived later may not go before one that waits here, epoch ms. */
  #passUntil = Infinity;

  /** `boundMs`: time after its arrival within which a run that arrives may go first; absent: any. */
  hold(next: NextCall, boundMs = Infinity): void {
    this.#waiting.push(next);
    this.#passUntil = Math.min(this.#passUntil, next.call.run.arrivedAt + boundMs);
  }

  /** True where the call may take a slot before those that wait here. */
  letsPass({ call }: NextCall): boolean {
    return this.#waiting.length < MOST_WIDE && call.run.arrivedAt <= this.#passUntil;
  }

  /** Returns them to their places. */
  putBack(queue: WaitingQueue): void {
    for (const next of this.#waiting) queue.addBack(next);
  }
}
