/**
 * Who changed what, and when: the newest changes that were made by the administrator. Each row is
 * written in the transaction of its change, so that none is missing. Values of keys never get here
 * (config-changes.ts).
 */
import type { AuditPage, AuditRow } from '../../../src/protocol/console/settings.ts';

const ROWS_KEPT = 1_000;
const PAGE_ROWS = 100;
/** Rows that may be there beyond those that are kept, so that few changes delete. */
const SLACK = 50;

export class AuditLog {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add({ at, by, action, target, changes }: AuditRow): void {
    const text = JSON.stringify(changes);
    const [row] = this.#sql.exec(
      'INSERT INTO audit (at, by, action, target, changes) VALUES (?, ?, ?, ?, ?) RETURNING seq',
      ...[at, by, action, target, text],
    );
    const seq = Number(row?.seq ?? 0);
    if (seq % SLACK === 0) {
      this.#sql.exec('DELETE FROM audit WHERE seq <= ?', seq - ROWS_KEPT);
    }
  }

  /** The newest first; `after`: the cursor of the page before. */
  page(after = Infinity): AuditPage {
    const before = Number.isSafeInteger(after) ? after : Number.MAX_SAFE_INTEGER;
    const rows = [
      ...this.#sql.exec(
        `SELECT * FROM audit WHERE seq < ?
         AND seq > (SELECT COALESCE(MAX(seq), 0) FROM audit) - ? ORDER BY seq DESC LIMIT ?`,
        ...[before, ROWS_KEPT, PAGE_ROWS + 1],
      ),
    ];
    const shown = rows.slice(0, PAGE_ROWS);
    const next = rows.length > PAGE_ROWS ? { after: String(shown.at(-1)?.seq) } : {};
    return { rows: shown.map(rowOf), ...next };
  }

  /** All rows, the oldest first, to be put into an emptied store. */
  all(): AuditRow[] {
    return [...this.#sql.exec('SELECT * FROM audit ORDER BY seq')].map(rowOf);
  }
}

function rowOf(row: Record<string, SqlStorageValue>): AuditRow {
  return {
    at: Number(row.at),
    by: String(row.by),
    action: String(row.action) as AuditRow['action'],
    target: String(row.target),
    changes: JSON.parse(String(row.changes)),
  };
}
