/**
 * Looks for finished runs in their table (../recorded-runs.ts) for the console: always the newest first,
 * and read as they are taken, since a table may be 50 MB long.
 */
import type { RecordedRun } from '../../../src/core/runs/recorded-run.ts';
import type { FinishedRun } from '../recorded-runs.ts';

/** Which finished runs are wanted; absent fields filter nothing. */
export interface RecordedFilter {
  /** Sequence number below which they are. */
  readonly before?: number | undefined;
  readonly app?: string | undefined;
  /** Part of the name of the run, of the application or of its label, in any case. */
  readonly text?: string | undefined;
  readonly run?: string | undefined;
  readonly learned?: boolean | undefined;
  /** When it ended, epoch ms. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** A row of the table, or a part of it. */
type RecordedRow = {
  seq: number;
  finished_at: number;
  learned: number;
  record: string;
  times: string | null;
};

export class RunSearch {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Finished runs, each with its sequence number and the characters of its record. */
  *newest(filter: RecordedFilter): Iterable<FinishedRun & { seq: number; chars: number }> {
    const { before, app, text, run, learned, from, to } = filter;
    const rows = this.#sql.exec<RecordedRow>(
      `SELECT seq, record, finished_at, learned, times FROM recorded
       WHERE seq < ?1 AND (?2 IS NULL OR app = ?2) AND (?3 IS NULL OR learned = ?3)
         AND finished_at >= ?4 AND finished_at <= ?5
         AND (?6 IS NULL OR json_extract(record, '$.run') = ?6)
         AND (?7 IS NULL OR instr(lower(app), ?7) OR instr(lower(json_extract(record, '$.run')), ?7)
           OR instr(lower(COALESCE(json_extract(record, '$.label'), '')), ?7))
       ORDER BY seq DESC`,
      before ?? Number.MAX_SAFE_INTEGER,
      app ?? null,
      learned === undefined ? null : Number(learned),
      from ?? 0,
      to ?? Number.MAX_SAFE_INTEGER,
      run ?? null,
      text?.toLowerCase() ?? null,
    );
    for (const row of rows) {
      yield {
        seq: row.seq,
        record: JSON.parse(row.record),
        chars: row.record.length,
        finishedAt: row.finished_at,
        learned: row.learned === 1,
        times: row.times ?? undefined,
      };
    }
  }

  /** An application's newest runs, of so many characters together. */
  *newestOf(app: string, limit: number, chars: number): Iterable<RecordedRun> {
    const rows = this.#sql.exec<RecordedRow>(
      'SELECT record FROM recorded WHERE app = ? ORDER BY seq DESC LIMIT ?',
      ...[app, limit],
    );
    let left = chars;
    for (const { record } of rows) {
      left -= record.length;
      if (left < 0) return;
      yield JSON.parse(record);
    }
  }

  /** When the newest runs arrived and ended, epoch ms, and whose they were. */
  newestTimes(limit: number): Iterable<{ app: string; arrivalMs: number; finishedAt: number }> {
    return this.#sql.exec<{ app: string; arrivalMs: number; finishedAt: number }>(
      `SELECT app, finished_at AS finishedAt, json_extract(record, '$.arrival_ms') AS arrivalMs
       FROM recorded ORDER BY seq DESC LIMIT ?`,
      limit,
    );
  }

  /** The newest run whose recorded times have a text in quotes, as of a call's id. */
  withCall(id: string): string | undefined {
    const [row] = this.#sql.exec<{ run: string }>(
      `SELECT json_extract(record, '$.run') AS run FROM recorded
       WHERE instr(times, ?) ORDER BY seq DESC LIMIT 1`,
      JSON.stringify(id),
    );
    return row?.run;
  }
}
