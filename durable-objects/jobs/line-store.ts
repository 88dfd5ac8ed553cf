/**
 * All SQL statements about the lines of a batch together. Each line is a job (job-store.ts), which is
 * `held` until its whole batch has been checked, and deleted once it is written to the batch's output.
 */
import type { ChunkStore } from './chunk-store.ts';
import { type JobRow, jobsWhere } from './job-row.ts';
import type { KeyAccounts } from './key-accounts.ts';

/** Most unfinished lines that are returned at a time. */
const MAX_LINES = 500;

export class LineStore {
  readonly #sql: SqlStorage;
  readonly #chunks: ChunkStore;
  readonly #accounts: KeyAccounts;

  constructor(sql: SqlStorage, chunks: ChunkStore, accounts: KeyAccounts) {
    this.#sql = sql;
    this.#chunks = chunks;
    this.#accounts = accounts;
  }

  /** Whether a batch has a line with this `custom_id`. */
  has(batch: string, customId: string): boolean {
    const rows = this.#sql.exec(
      'SELECT 1 FROM jobs WHERE batch = ? AND custom_id = ?',
      ...[batch, customId],
    );
    return rows.toArray().length > 0;
  }

  /** Allows the lines of a batch to start. */
  release(batch: string, now: number): void {
    this.#sql.exec(
      `UPDATE jobs SET state = 'queued', not_before = ? WHERE batch = ? AND state = 'held'`,
      ...[now, batch],
    );
  }

  /** Lines of a batch that have not ended, running ones included, MAX_LINES at most. */
  unfinished(batch: string): JobRow[] {
    return jobsWhere(this.#sql, 'batch = ? AND ended_at IS NULL LIMIT ?', batch, MAX_LINES);
  }

  /** The first lines of a batch, in the order of its input. */
  first(batch: string, most: number): JobRow[] {
    return jobsWhere(this.#sql, 'batch = ? ORDER BY line LIMIT ?', batch, most);
  }

  /** Deletes the lines of a batch, and what they have stored. */
  remove(batch: string): void {
    const rows = this.#sql.exec(
      `SELECT key_hash, SUM(bytes) AS bytes, SUM(ended_at IS NULL) AS jobs FROM jobs
       WHERE batch = ? GROUP BY key_hash`,
      batch,
    );
    for (const { key_hash, bytes, jobs } of rows.toArray()) {
      this.#accounts.add(String(key_hash), { bytes: -Number(bytes), jobs: -Number(jobs) });
    }
    this.#chunks.removeAll(`${batch}/`);
    this.#sql.exec('DELETE FROM jobs WHERE batch = ?', batch);
  }
}
