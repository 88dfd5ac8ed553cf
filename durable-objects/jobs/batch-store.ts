/**
 * All SQL statements about batches; their lines are jobs (job-store.ts). What is only shown is
 * stored as JSON, and what is queried or counted has columns of its own.
 */
import type { Batch, BatchState, Listed, NewBatch, Page } from '../../src/protocol/jobs.ts';

/** The part of a batch that changes and is only shown: the JSON of the column `told`. */
type Progress = Pick<Batch, 'times' | 'errors' | 'outputFile' | 'errorFile' | 'usage'>;

/** A batch and the progress of its work. */
export interface BatchRow extends Batch {
  /** Bytes of the input file that have been read. */
  readonly offset: number;
  /** Lines of the input file that have been read, empty ones included. */
  readonly line: number;
  /** Those of the failed lines that have expired. */
  readonly expired: number;
}

const IN_PROGRESS = `state IN ('validating', 'in_progress', 'cancelling', 'finalizing')`;

export class BatchStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insert(batch: NewBatch, now: number, deadlineAt: number): void {
    const progress: Progress = {
      times: { validating: now },
      errors: [],
      usage: { input: 0, output: 0 },
    };
    this.#sql.exec(
      `INSERT INTO batches (id, state, ordered, told, created_at, deadline_at)
       VALUES (?, 'validating', ?, ?, ?, ?)`,
      ...[batch.id, JSON.stringify(batch), JSON.stringify(progress), now, deadlineAt],
    );
  }

  batch(id: string): BatchRow | undefined {
    const [row] = this.#sql.exec('SELECT * FROM batches WHERE id = ?', id);
    return row && batchOf(row);
  }

  list({ after, limit }: Page): Listed<Batch> {
    const rows = this.#sql
      .exec(
        'SELECT * FROM batches WHERE id < ? ORDER BY id DESC LIMIT ?',
        ...[after ?? '~', limit + 1],
      )
      .toArray()
      .map(batchOf);
    return { items: rows.slice(0, limit), more: rows.length > limit };
  }

  /** Batches that have not ended. */
  underWay(): BatchRow[] {
    return this.#sql
      .exec(`SELECT * FROM batches WHERE ${IN_PROGRESS} ORDER BY id`)
      .toArray()
      .map(batchOf);
  }

  /** Moves a batch to a state and stores `fields` with it; returns the changed batch. */
  change(
    batch: BatchRow,
    state: BatchState,
    now: number,
    fields: Partial<Progress> = {},
  ): BatchRow {
    const times = { ...batch.times, [state]: batch.times[state] ?? now };
    const changed = { ...batch, ...fields, state, times };
    this.#sql.exec('UPDATE batches SET state = ? WHERE id = ?', state, batch.id);
    this.tell(changed);
    return changed;
  }

  /** Stores the part of a batch that is only shown. */
  tell({ id, times, errors, outputFile, errorFile, usage }: BatchRow): void {
    const progress: Progress = {
      times,
      errors,
      usage,
      ...(outputFile === undefined ? {} : { outputFile }),
      ...(errorFile === undefined ? {} : { errorFile }),
    };
    this.#sql.exec('UPDATE batches SET told = ? WHERE id = ?', JSON.stringify(progress), id);
  }

  /** Stores how many bytes and lines of the input have been read, and the requests in them. */
  read(id: string, offset: number, line: number, total: number): void {
    this.#sql.exec(
      'UPDATE batches SET read_bytes = ?, line = ?, total = ? WHERE id = ?',
      ...[offset, line, total, id],
    );
  }

  /** Counts a line that has ended; an expired one also counts as failed. */
  count(id: string, as: 'completed' | 'failed' | 'expired'): void {
    const expired = as === 'expired' ? ', expired = expired + 1' : '';
    const column = as === 'completed' ? 'completed' : 'failed';
    this.#sql.exec(`UPDATE batches SET ${column} = ${column} + 1${expired} WHERE id = ?`, ...[id]);
  }

  /** Sets when an ended batch is deleted, epoch ms. */
  expireAt(id: string, at: number): void {
    this.#sql.exec('UPDATE batches SET expires_at = ? WHERE id = ?', at, id);
  }

  /** Deletes batches whose retention time is over. */
  forget(now: number): void {
    this.#sql.exec('DELETE FROM batches WHERE expires_at <= ?', now);
  }

  /** When the next batch is to be deleted, epoch ms; Infinity for never. */
  get dueAt(): number {
    const { at } = this.#sql
      .exec('SELECT MIN(expires_at) AS at FROM batches WHERE expires_at IS NOT NULL')
      .one();
    return Number(at ?? Infinity);
  }
}

function batchOf(row: Record<string, SqlStorageValue>): BatchRow {
  const ordered = JSON.parse(String(row.ordered)) as NewBatch;
  const progress = JSON.parse(String(row.told)) as Progress;
  return {
    ...ordered,
    ...progress,
    state: String(row.state) as BatchState,
    createdAt: Number(row.created_at),
    deadlineAt: Number(row.deadline_at),
    counts: {
      total: Number(row.total),
      completed: Number(row.completed),
      failed: Number(row.failed),
    },
    offset: Number(row.read_bytes),
    line: Number(row.line),
    expired: Number(row.expired),
  };
}
