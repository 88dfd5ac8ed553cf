/**
 * Counts of what endpoints that scale to zero cost and of what waking them saved, by backend and
 * UTC day. It holds only the counts since they were last taken: the caller stores them and adds
 * them up. The running state behind the counts is in prewarm-accounts.ts.
 */

const DAY_MS = 86_400_000;

export const DAILY_FIELDS = [
  /** Time that endpoints were warm or warming, ms, and its price where one is configured. */
  'warmMs',
  'money',
  /** The part of the warm time that pings ahead of need caused before a call used it, ms. */
  'pingMs',
  /** The part of that which no call used, ms, and its price. */
  'wastedMs',
  'wastedMoney',
  /** Time that they were cold, ms, and what being warm all the time would have cost more. */
  'coldMs',
  'sparedMoney',
  /** Wakes by cause. */
  'demandWakes',
  'prewarms',
  'keepWarms',
  'operatorWakes',
  /** Pings ahead of need by outcome. */
  'used',
  'late',
  'wasted',
  'failed',
  /** Pings that the forecast asked for and the budget did not allow. */
  'overBudget',
  /** Endpoints that were told to go cold. */
  'releases',
  /** Calls that waited while no endpoint was warm, and for how long, ms. */
  'coldWaits',
  'coldWaitMs',
  /** Cold starts that a ping avoided or shortened for the first call after it, and the time, ms. */
  'avoidedWaits',
  'avoidedMs',
  /** Loads of adapters: for calls that waited, and ahead of need; and adapters that made room. */
  'adapterLoads',
  'adapterPrewarms',
  'adapterUnloads',
  /** Loads ahead of need by outcome; of the failed ones all. */
  'adapterUsed',
  'adapterLate',
  'adapterWasted',
  'adapterFailed',
  /** Calls that waited for a load, and for how long, ms. */
  'adapterWaits',
  'adapterWaitMs',
  /** Prefixes that endpoints read ahead, by outcome too. */
  'prefixReads',
  'prefixUsed',
  'prefixLate',
  'prefixWasted',
  'prefixFailed',
  /** Time that the reads took, and prefill that they spared by expectation, ms. */
  'prefixReadMs',
  'prefixSparedMs',
] as const;

export type DailyField = (typeof DAILY_FIELDS)[number];
export type DailyCounts = Readonly<Record<DailyField, number>>;

export interface DailyAccount {
  /** UTC day, as in 2026-11-23. */
  readonly day: string;
  readonly backend: string;
  readonly counts: DailyCounts;
}

export class DailyAccounts {
  readonly #entries = new Map<string, { readonly entry: DailyAccount; readonly counts: Counts }>();

  /** Adds counts to the day of `at`, epoch ms. */
  add(backend: string, at: number, counts: Partial<DailyCounts>): void {
    this.#add(backend, Math.floor(at / DAY_MS), counts);
  }

  /** Adds accounts back that were taken but could not be stored. */
  putBack(entries: readonly DailyAccount[]): void {
    for (const { backend, day, counts } of entries) {
      this.#add(backend, Math.floor(Date.parse(day) / DAY_MS), counts);
    }
  }

  #add(backend: string, day: number, counts: Partial<DailyCounts>): void {
    const key = `${day} ${backend}`;
    let existing = this.#entries.get(key);
    if (!existing) {
      const total = emptyCounts();
      existing = { entry: { day: dayOf(day * DAY_MS), backend, counts: total }, counts: total };
      this.#entries.set(key, existing);
    }
    for (const field of DAILY_FIELDS) existing.counts[field] += counts[field] ?? 0;
  }

  /** What of the day of `at` (epoch ms) was not taken yet. */
  ofDay(backend: string, at: number): DailyCounts {
    return this.#entries.get(`${Math.floor(at / DAY_MS)} ${backend}`)?.counts ?? emptyCounts();
  }

  /** Returns and clears everything since the last call, in the order of first addition. */
  take(): DailyAccount[] {
    const entries = [...this.#entries.values()].map(({ entry }) => entry);
    this.#entries.clear();
    return entries;
  }
}

type Counts = Record<DailyField, number>;

export function emptyCounts(): Counts {
  return Object.fromEntries(DAILY_FIELDS.map((field) => [field, 0])) as Counts;
}

/** The UTC day of a time, as in 2026-11-23. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
