/**
 * All SQL statements about the webhooks of jobs. A job that has ended and has a webhook waits for its
 * delivery: `webhook_at` is when that is due, epoch ms. Deliveries are made by job-webhooks.ts.
 */
import { firstOfKeys } from './first-of-keys.ts';
import { type JobRow, jobsWhere } from './job-row.ts';

export class WebhookStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** When the first webhook of each key that has any is due, epoch ms. */
  waiting(): Map<string, number> {
    return firstOfKeys(this.#sql, 'webhook_at IS NOT NULL', 'webhook_at');
  }

  /** The jobs of a key whose webhooks are due, those that are due longest first. */
  due(keyHash: string, now: number, most: number): JobRow[] {
    const due = 'key_hash = ? AND webhook_at <= ? ORDER BY webhook_at LIMIT ?';
    return jobsWhere(this.#sql, due, keyHash, now, most);
  }

  /** Number of a key's webhooks that are to be sent, or sent again. */
  countOf(keyHash: string): number {
    const query = 'SELECT COUNT(*) AS n FROM jobs WHERE key_hash = ? AND webhook_at IS NOT NULL';
    return Number(this.#sql.exec(query, keyHash).one().n);
  }

  /**
   * Stores that a delivery begins. If the object dies before it has ended, it is made again at
   * `until`.
   */
  started(id: string, until: number): void {
    this.#sql.exec('UPDATE jobs SET webhook_at = ? WHERE id = ?', until, id);
  }

  /** Stores how a delivery ended; `nextAt` is absent where there is no further one. */
  tried(id: string, state: 'pending' | 'delivered' | 'failed', nextAt?: number): void {
    this.#sql.exec(
      `UPDATE jobs SET webhook_state = ?, webhook_tries = webhook_tries + 1, webhook_at = ?
       WHERE id = ?`,
      ...[state, nextAt ?? null, id],
    );
  }
}
