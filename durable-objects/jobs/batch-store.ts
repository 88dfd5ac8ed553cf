/**
 * Every SQL statement about batches. What is only shown is one JSON value; what is asked for or
 * counted has columns of its own.
 */
import type { Batch, BatchState, Listed, NewBatch, Page } from '../../src/protocol/jobs.ts';

/** What changes of a batch on its way, as it is stored. */
type Told = Pick<Batch, 'times' | 'errors' | 'outputFile' | 'errorFile' | 'usage'>;

/** A batch with where its work stands. */
export interface BatchRow extends Batch {
  /** Bytes of the input file that were read. */
  readonly offset: number;
  /** Lines that were read. */
  readonly line: number;
  readonly expired: number;
}

const UNDER_WAY = `state IN ('validating', 'in_progress', 'cancelling', 'finalizing')`;

export class BatchStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insert(batch: NewBatch, now: number, deadlineAt: number): void {
    const told: Told = { times: { validating: now }, errors: [], usage: { input: 0, output: 0 } };
    this.#sql.exec(
      `INSERT INTO batches (id, state, ordered, told, created_at, deadline_at)
       VALUES (?, 'validating', ?, ?, ?, ?)`,
      ...[batch.id, JSON.stringify(batch), JSON.stringify(told), now, deadlineAt],
    );
  }

  batch(id: string): BatchRow | undefined {
    const [row] = this.#sql.exec('SELECT * FROM batches WHERE id = ?', id);
    return row && batchOf(row);
  }

  list({ after, limit }: Page): Listed<Batch> {
    const found = this.#sql
      .exec(
        'SELECT * FROM batches WHERE id < ? ORDER BY id DESC LIMIT ?',
        ...[after ?? '~', limit + 1],
      )
      .toArray()
      .map(batchOf);
    return { items: found.slice(0, limit), more: found.length > limit };
  }

  /** Batches that are under way. */
  underWay(): BatchRow[] {
    return this.#sql
      .exec(`SELECT * FROM batches WHERE ${UNDER_WAY} ORDER BY id`)
      .toArray()
      .map(batchOf);
  }

  /** The batch changes over to a state; `fields` is what else is told from then on. */
  change(batch: BatchRow, state: BatchState, now: number, fields: Partial<Told> = {}): BatchRow {
    const times = { ...batch.times, [state]: batch.times[state] ?? now };
    const changed = { ...batch, ...fields, state, times };
    this.#sql.exec('UPDATE batches SET state = ? WHERE id = ?', state, batch.id);
    this.tell(changed);
    return changed;
  }

  tell({ id, times, errors, outputFile, errorFile, usage }: BatchRow): void {
    const told: Told = {
      times,
      errors,
      usage,
      ...(outputFile === undefined ? {} : { outputFile }),
      ...(errorFile === undefined ? {} : { errorFile }),
    };
    this.#sql.exec('UPDATE batches SET told = ? WHERE id = ?', JSON.stringify(told), id);
  }

  /** How much of its input was read, and how many requests there were in it. */
  read(id: string, offset: number, line: number, total: number): void {
    this.#sql.exec(
      'UPDATE batches SET read_bytes = ?, line = ?, total = ? WHERE id = ?',
      ...[offset, line, total, id],
    );
  }

  /** A line of the batch has ended. */
  count(id: string, as: 'completed' | 'failed' | 'expired'): void {
    const expired = as === 'expired' ? ', expired = expired + 1' : '';
    const column = as === 'completed' ? 'completed' : 'failed';
    this.#sql.exec(`UPDATE batches SET ${column} = ${column} + 1${expired} WHERE id = ?`, ...[id]);
  }

  /** The batch is over, and will be forgotten. */
  expireAt(id: string, at: number): void {
    this.#sql.exec('UPDATE batches SET expires_at = ? WHERE id = ?', at, id);
  }

  forget(now: number): void {
    this.#sql.exec('DELETE FROM batches WHERE expires_at <= ?', now);
  }

  get dueAt(): number {
    const { at } = this.#sql
      .exec('SELECT MIN(expires_at) AS at FROM batches WHERE expires_at IS NOT NULL')
      .one();
    return Number(at ?? Infinity);
  }
}

function batchOf(row: Record<string, SqlStorageValue>): BatchRow {
  const ordered = JSON.parse(String(row.ordered)) as NewBatch;
  const told = JSON.parse(String(row.told)) as Told;
  return {
    ...ordered,
    ...told,
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
