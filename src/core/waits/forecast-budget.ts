/**
 * What forecasts of waits may cost, and what they did. No clock runs in the core, so their work is
 * counted: each part says what it did, in the time that an event of a draw takes. All backends share
 * one budget.
 */

/**
 * Costs of what is done, in events of a draw (some 0.3 us, what it leaves to collect included):
 * fitted to profiles of `bench:core` and `bench:eta`.
 */
export const COST = {
  /** To say what a kept forecast tells. */
  ask: 4,
  /** A run of a scene, and what it takes in each draw. */
  runInScene: 3,
  runInDraw: 0.4,
  /** A visit of a finished run that is read, and that is made comparable. */
  visitRead: 10,
  row: 0.2,
  /** To find which visits one in flight is like, and of each of them that is compared. */
  likeness: 12,
  compared: 1 / 32,
  /** A rank that is foreseen. */
  rank: 60,
};

/** What is added each millisecond: 35 events are about 1 % of the time. */
const ADDED_A_MS = 35;
/** The most that is saved, and the most that is owed before nothing is forecast. */
export const MOST_SAVED = 200_000;

export class ForecastBudget {
  #left = MOST_SAVED;
  /** Epoch ms. */
  #at = 0;

  /** What is left; below 0 after forecasts that took more. */
  get left(): number {
    return this.#left;
  }

  /** Time has passed. */
  at(now: number): void {
    const added = Math.max(0, now - this.#at) * ADDED_A_MS;
    this.#left = Math.min(MOST_SAVED, this.#left + added);
    this.#at = now;
  }

  spend(cost: number): void {
    this.#left -= cost;
  }
}
