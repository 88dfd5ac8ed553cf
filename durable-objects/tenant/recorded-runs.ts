/**
 * The table of a tenant's finished runs, within its bounds: a restarted object learns from them, and
 * they are exported. Their sequence numbers (`seq`) rise in the order in which the runs ended. Export
 * and import are in tenant-archive.ts; what the console looks for in the table is in
 * console/run-search.ts.
 */
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import { MAX_ROW_CHARS } from './tenant-schema.ts';

/** Finished runs that are kept of a tenant, the newest. */
const RECORDED_KEPT = 5_000;
/** Bytes of finished runs that are kept of a tenant, and those after which that is looked at. */
const RECORDED_BYTES = 50_000_000;
const CHECKED_BYTES = 1_000_000;

export interface FinishedRun {
  readonly record: RecordedRun;
  readonly finishedAt: number;
  /** False for a run that is kept for people to see, but not learned from. */
  readonly learned: boolean;
  /** When its calls waited and were served, as call-times.ts writes it; absent where not known. */
  readonly times?: string | undefined;
}

/** A row of the table, or a part of it. */
type RecordedRow = {
  seq: number;
  finished_at: number;
  learned: number;
  record: string;
};

export class RecordedRuns {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  /** Bytes that were added since the sum of all was last looked at. */
  #uncheckedBytes = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  /** The highest sequence number; 0 without runs. */
  get lastSeq(): number {
    const last = 'SELECT COALESCE(MAX(seq), 0) AS last FROM recorded';
    return this.#sql.exec<{ last: number }>(last).one().last;
  }

  /** The sequence number of the n-th newest run; 0 where there are fewer. */
  seqOfNewest(n: number): number {
    const [row] = this.#sql.exec<{ seq: number }>(
      'SELECT seq FROM recorded ORDER BY seq DESC LIMIT 1 OFFSET ?',
      n - 1,
    );
    return row?.seq ?? 0;
  }

  /**
   * Runs to learn from with `after` < seq <= `last`, as text, in the order in which they ended; they
   * are read as they are taken.
   */
  *learned(
    after: number,
    last: number,
  ): Iterable<{ seq: number; finishedAt: number; text: string }> {
    const rows = this.#sql.exec<RecordedRow>(
      `SELECT seq, finished_at, record FROM recorded
       WHERE seq > ? AND seq <= ? AND learned = 1 ORDER BY seq`,
      after,
      last,
    );
    for (const { seq, finished_at: finishedAt, record: text } of rows) {
      yield { seq, finishedAt, text };
    }
  }

  /** Sequence numbers and arrivals (epoch ms) of finished runs, in order of arrival. */
  byArrival(app: string | undefined): Array<{ seq: number; arrivalMs: number }> {
    const rows = this.#sql.exec<{ seq: number; arrivalMs: number }>(
      `SELECT seq, json_extract(record, '$.arrival_ms') AS arrivalMs FROM recorded
       WHERE ?1 IS NULL OR app = ?1 ORDER BY arrivalMs, seq`,
      app ?? null,
    );
    return rows.toArray();
  }

  /** The run with a sequence number; undefined where it was deleted to make room. */
  at(seq: number): RecordedRun | undefined {
    const [row] = this.#sql.exec<RecordedRow>('SELECT record FROM recorded WHERE seq = ?', seq);
    return row && JSON.parse(row.record);
  }

  /** The earliest arrival (epoch ms) and the highest sequence number; both 0 without runs. */
  span(): { startMs: number; lastSeq: number } {
    return this.#sql
      .exec<{ startMs: number; lastSeq: number }>(
        `SELECT COALESCE(MIN(json_extract(record, '$.arrival_ms')), 0) AS startMs,
           COALESCE(MAX(seq), 0) AS lastSeq FROM recorded`,
      )
      .one();
  }

  /** Finished runs with `after` < seq <= `last`, in the order in which they ended. */
  *between(after: number, last: number): Iterable<FinishedRun & { seq: number }> {
    const rows = this.#sql.exec<RecordedRow>(
      'SELECT * FROM recorded WHERE seq > ? AND seq <= ? ORDER BY seq',
      after,
      last,
    );
    for (const row of rows) {
      yield {
        seq: row.seq,
        record: JSON.parse(row.record),
        finishedAt: row.finished_at,
        learned: row.learned === 1,
      };
    }
  }

  /** Names of the runs with seq <= `upTo`. */
  names(upTo: number): string[] {
    const rows = this.#sql.exec<{ run: string }>(
      "SELECT json_extract(record, '$.run') AS run FROM recorded WHERE seq <= ?",
      upTo,
    );
    return rows.toArray().map(({ run }) => run);
  }

  /** What identifies each recorded run: name, application and arrival (epoch ms). */
  identities(): Iterable<Pick<RecordedRun, 'run' | 'app' | 'arrival_ms'>> {
    return this.#sql.exec<{ run: string; app: string; arrival_ms: number }>(
      `SELECT app, json_extract(record, '$.run') AS run,
         json_extract(record, '$.arrival_ms') AS arrival_ms FROM recorded`,
    );
  }

  /** How many more runs can be kept before the oldest are deleted. */
  room(): number {
    const count = this.#sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM recorded').one();
    return RECORDED_KEPT - count.n;
  }

  /**
   * Keeps finished runs, and returns those that were kept: a run that is too long is not, or one for
   * which older ones would have to go.
   */
  keep(runs: readonly FinishedRun[]): FinishedRun[] {
    return this.#storage.transactionSync(() => {
      let room = RECORDED_BYTES - this.#bytes();
      return runs.filter((run) => {
        const bytes = this.#save(run, room);
        room -= bytes;
        return bytes > 0;
      });
    });
  }

  /** Keeps finished runs and deletes the oldest. To be called within a transaction. */
  add(runs: readonly FinishedRun[]): void {
    if (runs.length === 0) return;
    for (const run of runs) this.#save(run);
    this.#sql.exec(
      'DELETE FROM recorded WHERE seq <= (SELECT COALESCE(MAX(seq), 0) FROM recorded) - ?',
      RECORDED_KEPT,
    );
    if (this.#uncheckedBytes < CHECKED_BYTES) return;
    this.#uncheckedBytes = 0;
    // Of the newest, those that have room.
    this.#sql.exec(
      `DELETE FROM recorded WHERE seq <= (SELECT MAX(seq) FROM (SELECT seq,
         SUM(octet_length(record) + COALESCE(octet_length(times), 0)) OVER (ORDER BY seq DESC)
         AS bytes FROM recorded)
         WHERE bytes > ?)`,
      RECORDED_BYTES,
    );
  }

  #bytes(): number {
    const sum = `SELECT COALESCE(SUM(octet_length(record) + COALESCE(octet_length(times), 0)), 0)
      AS bytes FROM recorded`;
    return this.#sql.exec<{ bytes: number }>(sum).one().bytes;
  }

  /** Returns the bytes that were stored; 0 where the run is too long. */
  #save({ record, finishedAt, learned, times }: FinishedRun, room = Infinity): number {
    const text = JSON.stringify(record);
    if (text.length > MAX_ROW_CHARS) return 0;
    const length = new TextEncoder().encode(text).length + (times?.length ?? 0);
    if (length > room) return 0;
    this.#uncheckedBytes += length;
    this.#sql.exec(
      'INSERT INTO recorded (app, finished_at, learned, record, times) VALUES (?, ?, ?, ?, ?)',
      record.app,
      finishedAt,
      learned ? 1 : 0,
      text,
      times ?? null,
    );
    return length;
  }
}
