/**
 * How much service each application has had from one backend, for policies that share it fairly: the
 * Virtual Token Counter (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024), in
 * milliseconds of slots instead of weighted tokens, so that tools can be shared as well.
 */

import { RecentMap } from '../learning/recent-map.ts';

/** Accounts kept, those that were charged or came last; who comes back is lifted like anybody new. */
const MAX_ACCOUNTS = 1_000;

export class ServiceAccounts {
  readonly #servedMs = new RecentMap<number>(MAX_ACCOUNTS);
  /** The application that was served last. */
  #last: string | undefined;

  servedMs(app: string): number {
    return this.#servedMs.get(app) ?? 0;
  }

  charge(app: string, ms: number): void {
    this.#servedMs.set(app, this.servedMs(app) + ms);
    this.#last = app;
  }

  /**
   * An application that comes back after a pause has no claim to what it did not ask for meanwhile:
   * it begins at the least account of those that wait, or where nobody waits at that of the
   * application that was served last.
   */
  lift(app: string, waiting: Iterable<string>): void {
    let least = Infinity;
    for (const other of waiting) least = Math.min(least, this.servedMs(other));
    if (least === Infinity && this.#last !== undefined) least = this.servedMs(this.#last);
    if (least < Infinity) this.#servedMs.set(app, Math.max(this.servedMs(app), least));
  }
}
