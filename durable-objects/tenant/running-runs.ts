/**
 * The tables of the runs in flight. A run is one row, and a long run also has rows of its older
 * calls, which are written once (src/core/runs/visit-log.ts). All of a run is written in one
 * transaction, so that its rows always fit together.
 */
import type { RunSnapshot, RunWrite, StoredVisit } from '../../src/core/runs/live-visit.ts';
import { MAX_ROW_CHARS } from './tenant-schema.ts';

/** What is to be written of a run; `replaces`: the rows under its id are those of another run. */
export interface RunRows extends RunWrite {
  readonly replaces: boolean;
}

export class RunningRuns {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The runs in flight. */
  all(): RunSnapshot[] {
    const parts = this.#parts();
    const rows = this.#sql.exec<{ id: string; snapshot: string }>('SELECT id, snapshot FROM runs');
    return rows.toArray().map(({ id, snapshot }) => {
      const run: RunSnapshot = JSON.parse(snapshot);
      const ofRun = parts.get(id);
      return ofRun ? { ...run, parts: ofRun } : run;
    });
  }

  /** False for a run whose row would be too long. To be called within a transaction, as `delete`. */
  save({ head, parts, firstPart, replaces }: RunRows): boolean {
    const row = JSON.stringify(head);
    if (row.length > MAX_ROW_CHARS) return false;
    if (replaces) this.#deleteParts(head.id);
    for (const [i, part] of parts.entries()) {
      this.#sql.exec(
        'INSERT INTO run_parts VALUES (?, ?, ?)',
        head.id,
        firstPart + i,
        JSON.stringify(part),
      );
    }
    this.#sql.exec('INSERT OR REPLACE INTO runs VALUES (?, ?)', head.id, row);
    return true;
  }

  delete(id: string): void {
    this.#deleteParts(id);
    this.#sql.exec('DELETE FROM runs WHERE id = ?', id);
  }

  #deleteParts(id: string): void {
    this.#sql.exec('DELETE FROM run_parts WHERE run_id = ?', id);
  }

  #parts(): Map<string, StoredVisit[][]> {
    const parts = new Map<string, StoredVisit[][]>();
    const rows = this.#sql.exec<{ run_id: string; body: string }>(
      'SELECT run_id, body FROM run_parts ORDER BY run_id, part',
    );
    for (const { run_id, body } of rows) {
      const ofRun = parts.get(run_id);
      if (ofRun) ofRun.push(JSON.parse(body));
      else parts.set(run_id, [JSON.parse(body)]);
    }
    return parts;
  }
}
