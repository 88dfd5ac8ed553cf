/**
 * What endpoints that scale to zero cost and what waking them brought, by backend and UTC day. It
 * holds only what was not taken out yet: whoever stores it adds up.
 */

const DAY_MS = 86_400_000;

export const DAILY_FIELDS = [
  /** Time that endpoints were warm or warming, ms, and its price where one is configured. */
  'warmMs',
  'money',
  /** The part of it that pings ahead of need caused before anybody used it, ms. */
  'pingMs',
  /** Wakes by cause. */
  'demandWakes',
  'prewarms',
  'keepWarms',
  /** How the pings ahead of need ended. */
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
  /** Cold starts that a ping took away or shortened for the first call after it, and by how much. */
  'avoidedWaits',
  'avoidedMs',
] as const;

export type DailyField = (typeof DAILY_FIELDS)[number];
export type DailyCounts = Readonly<Record<DailyField, number>>;

export interface DailyAccount {
  /** As in 2026-11-23. */
  readonly day: string;
  readonly backend: string;
  readonly counts: DailyCounts;
}

export class DailyAccounts {
  readonly #entries = new Map<string, { readonly entry: DailyAccount; readonly counts: Counts }>();

  add(backend: string, at: number, counts: Partial<DailyCounts>): void {
    this.#add(backend, Math.floor(at / DAY_MS), counts);
  }

  /** Takes back what was taken out and could not be stored. */
  putBack(entries: readonly DailyAccount[]): void {
    for (const { backend, day, counts } of entries) {
      this.#add(backend, Math.floor(Date.parse(day) / DAY_MS), counts);
    }
  }

  #add(backend: string, day: number, counts: Partial<DailyCounts>): void {
    const key = `${day} ${backend}`;
    let known = this.#entries.get(key);
    if (!known) {
      const total = emptyCounts();
      known = { entry: { day: dayOf(day * DAY_MS), backend, counts: total }, counts: total };
      this.#entries.set(key, known);
    }
    for (const field of DAILY_FIELDS) known.counts[field] += counts[field] ?? 0;
  }

  /** Everything since it was last asked, the oldest first. */
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
