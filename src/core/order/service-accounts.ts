/**
 * The service that each application had from one backend, for the policy of fair shares (vtc.ts):
 * the Virtual Token Counter (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024),
 * in slot-milliseconds instead of weighted tokens, so that tools can be shared as well.
 */

import { RecentMap } from '../runs/recent-map.ts';

/** Accounts kept, the last used ones; an application that was dropped is lifted like a new one. */
const MAX_ACCOUNTS = 1_000;

export class ServiceAccounts {
  readonly #servedMs = new RecentMap<number>(MAX_ACCOUNTS);
  /** The application that was charged last. */
  #last: string | undefined;

  /** Service that the application had, ms; 0 for an unknown one. */
  servedMs(app: string): number {
    return this.#servedMs.get(app) ?? 0;
  }

  charge(app: string, ms: number): void {
    this.#servedMs.set(app, this.servedMs(app) + ms);
    this.#last = app;
  }

  /**
   * Lifts the account of an application whose call is about to wait, so that a pause earns no
   * credit: to the least account of the waiting applications or, where none waits (Infinity), to
   * the account of the application that was charged last. Never lowers it.
   */
  lift(app: string, leastMs: number): void {
    let least = leastMs;
    if (least === Infinity && this.#last !== undefined) least = this.servedMs(this.#last);
    if (least < Infinity) this.#servedMs.set(app, Math.max(this.servedMs(app), least));
  }
}
