/**
 * What endpoints that scale to zero cost and what waking them brought, by backend and UTC day. It
 * holds only what was not taken out yet: whoever stores it adds up.
 */

const DAY_MS = 86_400_000;

export const LEDGER_FIELDS = [
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

export type LedgerField = (typeof LEDGER_FIELDS)[number];
export type LedgerCounts = Readonly<Record<LedgerField, number>>;

export interface LedgerEntry {
  /** As in 2026-11-23. */
  readonly day: string;
  readonly backend: string;
  readonly counts: LedgerCounts;
}

export class PrewarmLedger {
  #day = 0;
  #counts = new Map<string, Record<LedgerField, number>>();
  #closed: LedgerEntry[] = [];

  add(backend: string, now: number, counts: Partial<LedgerCounts>): void {
    this.#pass(now);
    let total = this.#counts.get(backend);
    if (!total) {
      total = emptyCounts();
      this.#counts.set(backend, total);
    }
    for (const field of LEDGER_FIELDS) total[field] += counts[field] ?? 0;
  }

  /** Everything since it was last asked. */
  take(): LedgerEntry[] {
    const entries = [...this.#closed, ...this.#entries()];
    this.#closed = [];
    this.#counts = new Map();
    return entries;
  }

  #pass(now: number): void {
    const day = Math.floor(now / DAY_MS);
    if (day === this.#day) return;
    this.#closed.push(...this.#entries());
    this.#counts = new Map();
    this.#day = day;
  }

  #entries(): LedgerEntry[] {
    const day = dayOf(this.#day * DAY_MS);
    return [...this.#counts].map(([backend, counts]) => ({ day, backend, counts }));
  }
}

export function emptyCounts(): Record<LedgerField, number> {
  return Object.fromEntries(LEDGER_FIELDS.map((field) => [field, 0])) as Record<
    LedgerField,
    number
  >;
}

/** The UTC day of a time, as in 2026-11-23. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
