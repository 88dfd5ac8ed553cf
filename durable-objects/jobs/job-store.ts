/**
 * All SQL statements about the life of a job: it is ordered, queued, started, put back, ended and
 * deleted. A line of a batch is a job too, with its batch; a job without one is a single job. Times are
 * epoch ms. What is asked of a batch's lines together is in line-store.ts, webhooks in
 * webhook-store.ts, bodies and answers in chunk-store.ts.
 */
import type { JobState } from '../../src/core/limits/job-rules.ts';
import type { Job, JobError, Listed, NewJob, Page } from '../../src/protocol/jobs.ts';
import { contentBytes, textBytes } from '../stored-size.ts';
import type { ChunkStore } from './chunk-store.ts';
import { firstOfKeys } from './first-of-keys.ts';
import { type JobRow, jobsWhere } from './job-row.ts';
import { type KeyAccounts, UNKNOWN_KEY } from './key-accounts.ts';
import { jobRowBytes, piecesBytes } from './row-sizes.ts';

/** Most rows that are deleted or expired at a time. */
const MAX_ROWS = 500;

/** A job of its own, or a line of a batch. */
export type JobKind = 'single' | 'line';

/** Longest entry of an index that shares a page with others, bytes. */
const SHORT_ENTRY = 400;

/** How a job ended. */
export interface JobEnd {
  readonly state: Exclude<JobState, 'queued' | 'in_progress'>;
  readonly answer?: Job['answer'];
  readonly body?: Uint8Array;
  readonly error?: JobError;
}

/** A job's line in its batch. */
export interface JobLine {
  readonly batch: string;
  readonly line: number;
  readonly customId: string;
}

export class JobStore {
  readonly #sql: SqlStorage;
  readonly #chunks: ChunkStore;
  readonly #accounts: KeyAccounts;

  constructor(sql: SqlStorage, chunks: ChunkStore, accounts: KeyAccounts) {
    this.#sql = sql;
    this.#chunks = chunks;
    this.#accounts = accounts;
  }

  /** Stores a new job. A line of a batch is `held` until its whole batch has been checked. */
  insert(job: NewJob, of?: JobLine): void {
    const { once, webhook, keyHash = UNKNOWN_KEY } = job;
    const headers = JSON.stringify(job.headers);
    const texts = textsOf(job, of);
    const bytes = jobRowBytes(texts) + piecesBytes(job.body.length);
    this.#accounts.add(keyHash, { bytes, jobs: 1 }, job.keyId);
    this.#sql.exec(
      `INSERT INTO jobs (id, batch, line, custom_id, state, key_id, key_hash, method, path, headers,
         created_at, deadline_at, own_deadline, not_before, once_key, print,
         webhook_url, webhook_secret, webhook_state, webhook_tries, text_bytes, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
      ...[job.id, of?.batch ?? null, of?.line ?? null, of?.customId ?? null],
      ...[of ? 'held' : 'queued', job.keyId, keyHash, job.method, job.path, headers],
      ...[job.createdAt, job.deadlineAt, Number(job.ownDeadline), job.createdAt],
      ...[once?.key ?? null, once?.print ?? null],
      ...[webhook?.url ?? null, webhook?.secret ?? null, webhook ? 'pending' : null],
      ...[texts, bytes],
    );
    if (job.body.length > 0) this.#chunks.append(job.id, 'body', job.body);
  }

  job(id: string): JobRow | undefined {
    return jobsWhere(this.#sql, 'id = ?', id)[0];
  }

  /**
   * The job that was ordered with an idempotency key; orders of another API key that had the same
   * id do not count.
   */
  ordered(keyId: string, keyHash: string, key: string): JobRow | undefined {
    const ordered = 'key_id = ? AND once_key = ? AND key_hash IN (?, ?)';
    return jobsWhere(this.#sql, ordered, keyId, key, keyHash, UNKNOWN_KEY)[0];
  }

  /** Single jobs, the newest first. */
  list({ after, limit }: Page, state: JobState | undefined): Listed<Job> {
    const rows = jobsWhere(
      this.#sql,
      `id >= 'job_' AND id < ? AND state = COALESCE(?, state) ORDER BY id DESC LIMIT ?`,
      ...[after ?? '~', state ?? null, limit + 1],
    );
    return { items: rows.slice(0, limit), more: rows.length > limit };
  }

  /** When the first job of each key may start that has jobs of a kind in the queue, epoch ms. */
  waiting(kind: JobKind): Map<string, number> {
    const queued = `state = 'queued' AND (batch IS NULL) = ${Number(kind === 'single')}`;
    return firstOfKeys(this.#sql, queued, 'not_before');
  }

  /** When the first queued job of a key and a kind may start, epoch ms; undefined for none. */
  firstOf(kind: JobKind, keyHash: string): number | undefined {
    const [row] = this.#sql.exec(
      `SELECT not_before FROM jobs WHERE state = 'queued' AND (batch IS NULL) = ? AND key_hash = ?
       ORDER BY not_before LIMIT 1`,
      ...[Number(kind === 'single'), keyHash],
    );
    return row && Number(row.not_before);
  }

  /** The job of a key and a kind that has waited longest and may start now. */
  next(kind: JobKind, keyHash: string, now: number): JobRow | undefined {
    const mayStart = `state = 'queued' AND (batch IS NULL) = ? AND key_hash = ?
      AND not_before <= ? ORDER BY not_before, id LIMIT 1`;
    return jobsWhere(this.#sql, mayStart, Number(kind === 'single'), keyHash, now)[0];
  }

  /** Stores that an attempt begins. */
  start(id: string, now: number): void {
    this.#sql.exec(
      `UPDATE jobs SET state = 'in_progress', attempts = attempts + 1,
         started_at = COALESCE(started_at, ?) WHERE id = ?`,
      ...[now, id],
    );
  }

  /**
   * Queues a job for another attempt. `counts`: the last attempt is one of those that a job may
   * have; a refused one is not.
   */
  putBack(id: string, notBefore: number, counts: boolean): void {
    this.#sql.exec(
      `UPDATE jobs SET state = 'queued', not_before = ?, attempts = attempts - ? WHERE id = ?`,
      ...[notBefore, Number(!counts), id],
    );
  }

  /**
   * Ends a job and deletes its body. The answer of a single job is kept for `keptMs`, that of a
   * line until it is written to its batch's file.
   */
  end(job: JobRow, { state, answer, body, error }: JobEnd, now: number, keptMs: number): void {
    const { id, keyHash } = job;
    const headers = answer ? JSON.stringify(answer.headers) : null;
    const errorText = error ? JSON.stringify(error) : null;
    const texts = job.textBytes + textBytes(headers, errorText);
    const bytes = jobRowBytes(texts) + piecesBytes(body?.length ?? 0);
    this.#accounts.add(keyHash, { bytes: bytes - job.bytes, jobs: -1 });
    this.#chunks.remove(id);
    if (body && body.length > 0) this.#chunks.append(id, 'answer', body);
    this.#sql.exec(
      `UPDATE jobs SET state = ?, ended_at = ?, status = ?, answer_headers = ?, error = ?,
         text_bytes = ?, bytes = ?, expires_at = CASE WHEN batch IS NULL THEN ? END,
         webhook_at = CASE WHEN webhook_url IS NOT NULL THEN ? END WHERE id = ?`,
      ...[state, now, answer?.status ?? null, headers, errorText, texts, bytes],
      ...[now + keptMs, now, id],
    );
  }

  /** Unfinished jobs whose deadline has passed, MAX_ROWS at most. */
  overdue(now: number): JobRow[] {
    const overdue = `ended_at IS NULL AND state <> 'held' AND deadline_at <= ? LIMIT ?`;
    return jobsWhere(this.#sql, overdue, now, MAX_ROWS);
  }

  /** Jobs that are stored as running: those of an object that died, and those that do run. */
  interrupted(): JobRow[] {
    return jobsWhere(this.#sql, `state = 'in_progress'`);
  }

  /** Deletes a job that has ended. */
  delete(id: string): void {
    const [row] = this.#sql.exec('SELECT key_hash, bytes FROM jobs WHERE id = ?', id);
    if (row) this.#accounts.add(String(row.key_hash), { bytes: -Number(row.bytes) });
    this.#chunks.remove(id);
    this.#sql.exec('DELETE FROM jobs WHERE id = ?', id);
  }

  /** Deletes jobs whose retention time is over, MAX_ROWS at most. */
  forget(now: number): void {
    const rows = this.#sql
      .exec('SELECT id FROM jobs WHERE expires_at <= ? LIMIT ?', now, MAX_ROWS)
      .toArray();
    for (const { id } of rows) this.delete(String(id));
  }

  /** When the next deadline or retention time ends, epoch ms; Infinity for never. */
  get dueAt(): number {
    return Math.min(
      this.#first(
        `SELECT deadline_at AS at FROM jobs WHERE ended_at IS NULL AND state <> 'held'
         ORDER BY deadline_at LIMIT 1`,
      ),
      this.#first(
        'SELECT expires_at AS at FROM jobs WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT 1',
      ),
    );
  }

  #first(query: string): number {
    const [row] = this.#sql.exec(query);
    return Number(row?.at ?? Infinity);
  }
}

/** Bytes that a new job counts for as it is stored. */
export function jobBytes(job: NewJob, of?: JobLine): number {
  return jobRowBytes(textsOf(job, of)) + piecesBytes(job.body.length);
}

/** Bytes of a new job's texts; those that an index repeats count again, as its entries take them. */
function textsOf({ path, headers, once, webhook }: NewJob, of?: JobLine): number {
  const indexed = textBytes(once?.key, of?.customId);
  const texts = textBytes(path, JSON.stringify(headers), webhook?.url, webhook?.secret);
  return texts + indexed + contentBytes(indexed, SHORT_ENTRY);
}
