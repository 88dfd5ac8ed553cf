/**
 * All SQL statements about batches; their lines are jobs (job-store.ts). What is only shown is
 * stored as JSON, and what is queried or counted has columns of its own.
 */
import type { Batch, BatchState, Listed, NewBatch, Page } from '../../src/protocol/jobs.ts';
import { textBytes } from '../stored-size.ts';
import { type KeyAccounts, UNKNOWN_KEY } from './key-accounts.ts';
import { batchRowBytes } from './row-sizes.ts';

/** The part of a batch that changes and is only shown: the JSON of the column `told`. */
type Progress = Pick<Batch, 'times' | 'errors' | 'outputFile' | 'errorFile' | 'usage'>;

/** A batch and the progress of its work. */
export interface BatchRow extends Batch {
  readonly keyHash: string;
  /** Bytes of the input file that have been read. */
  readonly offset: number;
  /** Lines of the input file that have been read, empty ones included. */
  readonly line: number;
  /** Those of the failed lines that have expired. */
  readonly expired: number;
}

/** A row of the table `batches`, as its columns are declared. */
type TableRow = {
  readonly id: string;
  readonly state: BatchState;
  readonly ordered: string;
  readonly told: string;
  readonly created_at: number;
  readonly deadline_at: number;
  readonly read_bytes: number;
  readonly line: number;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly expired: number;
  readonly key_hash: string;
  readonly stored: number;
};

/** Most batches that are deleted at a time. */
const MAX_FORGOTTEN = 500;

const IN_PROGRESS = `state IN ('validating', 'in_progress', 'cancelling', 'finalizing')`;
const ENDED: ReadonlySet<BatchState> = new Set(['failed', 'completed', 'expired', 'cancelled']);

export class BatchStore {
  readonly #sql: SqlStorage;
  readonly #accounts: KeyAccounts;

  constructor(sql: SqlStorage, accounts: KeyAccounts) {
    this.#sql = sql;
    this.#accounts = accounts;
  }

  insert(batch: NewBatch, now: number, deadlineAt: number): void {
    const { id, keyId, keyHash = UNKNOWN_KEY } = batch;
    const progress: Progress = {
      times: { validating: now },
      errors: [],
      usage: { input: 0, output: 0 },
    };
    const [ordered, told] = [JSON.stringify(batch), JSON.stringify(progress)];
    const stored = batchRowBytes(textBytes(ordered, told));
    this.#accounts.add(keyHash, { bytes: stored, batches: 1 }, keyId);
    this.#sql.exec(
      `INSERT INTO batches (id, state, ordered, told, created_at, deadline_at, key_hash, stored)
       VALUES (?, 'validating', ?, ?, ?, ?, ?, ?)`,
      ...[id, ordered, told, now, deadlineAt, keyHash, stored],
    );
  }

  batch(id: string): BatchRow | undefined {
    const [row] = this.#sql.exec<TableRow>('SELECT * FROM batches WHERE id = ?', id);
    return row && batchOf(row);
  }

  list({ after, limit }: Page): Listed<Batch> {
    const rows = this.#sql
      .exec<TableRow>(
        'SELECT * FROM batches WHERE id < ? ORDER BY id DESC LIMIT ?',
        ...[after ?? '~', limit + 1],
      )
      .toArray()
      .map(batchOf);
    return { items: rows.slice(0, limit), more: rows.length > limit };
  }

  /** True while there are batches that have not ended. */
  get areUnderWay(): boolean {
    return (
      this.#sql.exec(`SELECT 1 FROM batches WHERE ${IN_PROGRESS} LIMIT 1`).toArray().length > 0
    );
  }

  /**
   * The ids of batches that may have a step to make, by the hash of their key and from the oldest
   * on. Batches whose lines still wait or run have none.
   */
  moving(): Map<string, string[]> {
    const rows = this.#sql.exec<TableRow>(
      `SELECT id, key_hash FROM batches WHERE ${IN_PROGRESS}
       AND (state <> 'in_progress' OR completed + failed >= total) ORDER BY id`,
    );
    const ids = new Map<string, string[]>();
    for (const { id, key_hash } of rows.toArray()) {
      const ofKey = ids.get(key_hash) ?? [];
      ofKey.push(id);
      ids.set(key_hash, ofKey);
    }
    return ids;
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
    if (ENDED.has(state) && !ENDED.has(batch.state)) {
      this.#accounts.add(batch.keyHash, { batches: -1 });
    }
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
    const told = JSON.stringify(progress);
    const counted = 'SELECT key_hash, ordered, stored FROM batches WHERE id = ?';
    const [row] = this.#sql.exec<TableRow>(counted, id);
    if (!row) return;
    const stored = batchRowBytes(textBytes(row.ordered, told));
    this.#accounts.add(row.key_hash, { bytes: stored - row.stored });
    this.#sql.exec('UPDATE batches SET told = ?, stored = ? WHERE id = ?', told, stored, id);
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

  /** Deletes batches whose retention time is over, a few at a time. */
  forget(now: number): void {
    const rows = this.#sql.exec<TableRow>(
      'SELECT id, key_hash, stored FROM batches WHERE expires_at <= ? LIMIT ?',
      ...[now, MAX_FORGOTTEN],
    );
    for (const { id, key_hash, stored } of rows.toArray()) {
      this.#accounts.add(key_hash, { bytes: -stored });
      this.#sql.exec('DELETE FROM batches WHERE id = ?', id);
    }
  }

  /** When the next batch is to be deleted, epoch ms; Infinity for never. */
  get dueAt(): number {
    const { at } = this.#sql
      .exec('SELECT MIN(expires_at) AS at FROM batches WHERE expires_at IS NOT NULL')
      .one();
    return Number(at ?? Infinity);
  }
}

/** Bytes that a new batch counts for as it is stored. */
export function newBatchBytes(batch: NewBatch): number {
  return batchRowBytes(textBytes(JSON.stringify(batch)));
}

function batchOf({ total, completed, failed, line, expired, state, ...row }: TableRow): BatchRow {
  const ordered: NewBatch = JSON.parse(row.ordered);
  const progress: Progress = JSON.parse(row.told);
  return {
    ...ordered,
    ...progress,
    keyHash: row.key_hash,
    state,
    createdAt: row.created_at,
    deadlineAt: row.deadline_at,
    counts: { total, completed, failed },
    offset: row.read_bytes,
    line,
    expired,
  };
}
