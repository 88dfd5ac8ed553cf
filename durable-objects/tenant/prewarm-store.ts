/**
 * The tables of what waking endpoints cost and brought: the newest wakes, an account of each day
 * and backend, and the sum over all days. The accounting itself is in
 * src/core/prewarm/prewarm-accounts.ts.
 */
import type { Wake, WakeCause, WakeOutcome } from '../../src/core/backends/endpoint-state.ts';
import {
  DAILY_FIELDS,
  type DailyAccount,
  emptyCounts,
} from '../../src/core/prewarm/daily-accounts.ts';
import type { AccountsSnapshot } from '../../src/core/prewarm/prewarm-accounts.ts';

const WAKES_KEPT = 1_000;
/** Days whose accounts are kept, beside the sum over all days. */
const DAYS_KEPT = 90;
/** Value of the `day` column for the sum over all days. */
const ALL_DAYS = 'all';

/** A wake or a release, and how it ended; times are epoch ms. */
export interface WakeRecord {
  readonly backend: string;
  readonly endpoint: string;
  readonly wake: Omit<Wake, 'cause'> & {
    readonly cause: WakeCause | 'release' | 'adapter' | 'adapter-prewarm' | 'prefix';
  };
  readonly outcome: WakeOutcome | 'dry-run' | 'over-budget' | 'released';
  readonly endedAt: number;
  /** Warm time until its first call or its end, ms, and its price; absent where none was caused. */
  readonly warmMs?: number;
  readonly money?: number;
}

/** What happened since the accounts were last written. */
export interface PrewarmBatch {
  readonly wakes: readonly WakeRecord[];
  /** What endpoints cost and what waking them brought, to be added to the stored days. */
  readonly days: readonly DailyAccount[];
  readonly accounts: AccountsSnapshot;
}

/** A row of the table `wakes`. */
type WakeRow = Pick<WakeRecord, 'backend' | 'endpoint' | 'outcome'> &
  Pick<WakeRecord['wake'], 'cause' | 'at' | 'probability' | 'reason'> & {
    readonly ended_at: number;
    readonly warm_ms: number | null;
    readonly money: number | null;
  };

export class PrewarmStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The newest wakes, newest first. */
  wakes(limit: number): WakeRecord[] {
    const rows = this.#sql.exec<WakeRow>('SELECT * FROM wakes ORDER BY seq DESC LIMIT ?', limit);
    return rows.toArray().map(({ backend, endpoint, cause, at, probability, reason, ...row }) => ({
      backend,
      endpoint,
      wake: { cause, at, probability, reason },
      outcome: row.outcome,
      endedAt: row.ended_at,
      ...(row.warm_ms === null ? {} : { warmMs: row.warm_ms }),
      ...(row.money === null ? {} : { money: row.money }),
    }));
  }

  accounts(): AccountsSnapshot | undefined {
    const [row] = this.#sql.exec<{ snapshot: string }>('SELECT snapshot FROM prewarm_accounts');
    return row && JSON.parse(row.snapshot);
  }

  /** What warm endpoints cost and brought, by day and backend, the newest day first. */
  days(): DailyAccount[] {
    return this.#days('day <> ?1', ALL_DAYS);
  }

  /** The same of one day, as in 2026-11-23. */
  day(day: string): DailyAccount[] {
    return this.#days('day = ?1', day);
  }

  /** The same, summed over all days. */
  totals(): DailyAccount[] {
    return this.#days('day = ?1', ALL_DAYS);
  }

  /** Stores what happened. To be called within a transaction. */
  add({ wakes, days, accounts }: PrewarmBatch): void {
    for (const wake of wakes) this.#saveWake(wake);
    for (const entry of days) this.#addDay(entry);
    this.#sql.exec(
      'INSERT OR REPLACE INTO prewarm_accounts VALUES (1, ?)',
      JSON.stringify(accounts),
    );
    if (wakes.length === 0) return;
    this.#sql.exec(
      'DELETE FROM wakes WHERE seq <= (SELECT COALESCE(MAX(seq), 0) FROM wakes) - ?',
      WAKES_KEPT,
    );
  }

  #saveWake({ backend, endpoint, wake, outcome, endedAt, warmMs, money }: WakeRecord): void {
    this.#sql.exec(
      `INSERT INTO wakes
         (backend, endpoint, cause, at, probability, reason, outcome, ended_at, warm_ms, money)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      backend,
      endpoint,
      wake.cause,
      wake.at,
      wake.probability,
      wake.reason,
      outcome,
      endedAt,
      warmMs ?? null,
      money ?? null,
    );
  }

  #addDay({ day, backend, counts }: DailyAccount): void {
    for (const at of [day, ALL_DAYS]) {
      const [stored] = this.#days('day = ?1 AND backend = ?2', at, backend);
      const sum = emptyCounts();
      for (const field of DAILY_FIELDS) sum[field] = (stored?.counts[field] ?? 0) + counts[field];
      this.#sql.exec(
        'INSERT OR REPLACE INTO prewarm_days VALUES (?, ?, ?)',
        at,
        backend,
        JSON.stringify(sum),
      );
    }
    this.#sql.exec(
      `DELETE FROM prewarm_days WHERE day <> ?1 AND day <= date(?2, '-${DAYS_KEPT} days')`,
      ALL_DAYS,
      day,
    );
  }

  #days(where: string, ...values: string[]): DailyAccount[] {
    const rows = this.#sql.exec<{ day: string; backend: string; counts: string }>(
      `SELECT * FROM prewarm_days WHERE ${where} ORDER BY day DESC, backend`,
      ...values,
    );
    // A field that a later version added is 0 in older rows.
    return rows
      .toArray()
      .map((row) => ({ ...row, counts: { ...emptyCounts(), ...JSON.parse(row.counts) } }));
  }
}
