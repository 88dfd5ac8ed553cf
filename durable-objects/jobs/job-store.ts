/**
 * All SQL statements about jobs. A line of a batch is a job too, with its batch; a job without one
 * is a single job. Times are epoch ms. Batches themselves are in batch-store.ts, bodies and answers
 * in chunk-store.ts.
 */
import type { JobState } from '../../src/core/limits/job-rules.ts';
import type { Job, JobError, Listed, NewJob, Page } from '../../src/protocol/jobs.ts';
import type { ChunkStore } from './chunk-store.ts';
import { type JobRow, jobOf } from './job-row.ts';

/** Most rows that are deleted, expired or returned at a time. */
const MAX_ROWS = 500;

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
  #unfinished: number | undefined;

  constructor(sql: SqlStorage, chunks: ChunkStore) {
    this.#sql = sql;
    this.#chunks = chunks;
  }

  /** Jobs that have not ended, lines of batches included. */
  get unfinished(): number {
    this.#unfinished ??= Number(
      this.#sql.exec('SELECT COUNT(*) AS n FROM jobs WHERE ended_at IS NULL').one().n,
    );
    return this.#unfinished;
  }

  /** To be called after a transaction was rolled back, or everything was deleted. */
  recount(): void {
    this.#unfinished = undefined;
  }

  /** Stores a new job. A line of a batch is `held` until its whole batch has been checked. */
  insert(job: NewJob, of?: JobLine): void {
    const { once, webhook } = job;
    this.#unfinished = this.unfinished + 1;
    this.#sql.exec(
      `INSERT INTO jobs (id, batch, line, custom_id, state, key_id, method, path, headers,
         created_at, deadline_at, own_deadline, not_before, once_key, print,
         webhook_url, webhook_secret, webhook_state, webhook_tries)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
      ...[job.id, of?.batch ?? null, of?.line ?? null, of?.customId ?? null],
      ...[of ? 'held' : 'queued', job.keyId, job.method, job.path, JSON.stringify(job.headers)],
      ...[job.createdAt, job.deadlineAt, Number(job.ownDeadline), job.createdAt],
      ...[once?.key ?? null, once?.print ?? null],
      ...[webhook?.url ?? null, webhook?.secret ?? null, webhook ? 'pending' : null],
    );
    if (job.body.length > 0) this.#chunks.append(job.id, 'body', job.body);
  }

  job(id: string): JobRow | undefined {
    const [row] = this.#sql.exec('SELECT * FROM jobs WHERE id = ?', id);
    return row && jobOf(row);
  }

  /** The job that was ordered with an idempotency key. */
  ordered(keyId: string, key: string): JobRow | undefined {
    const [row] = this.#sql.exec(
      'SELECT * FROM jobs WHERE key_id = ? AND once_key = ?',
      ...[keyId, key],
    );
    return row && jobOf(row);
  }

  /** Single jobs, the newest first. */
  list({ after, limit }: Page, state: JobState | undefined): Listed<Job> {
    const rows = this.#sql
      .exec(
        `SELECT * FROM jobs WHERE id >= 'job_' AND id < ? AND state = COALESCE(?, state)
         ORDER BY id DESC LIMIT ?`,
        ...[after ?? '~', state ?? null, limit + 1],
      )
      .toArray()
      .map(jobOf);
    return { items: rows.slice(0, limit), more: rows.length > limit };
  }

  /** The job of a kind that has waited longest and may start now. */
  next(kind: 'single' | 'line', now: number): JobRow | undefined {
    const [row] = this.#sql.exec(
      `SELECT * FROM jobs WHERE state = 'queued' AND (batch IS NULL) = ? AND not_before <= ?
       ORDER BY not_before, id LIMIT 1`,
      ...[Number(kind === 'single'), now],
    );
    return row && jobOf(row);
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
  end(id: string, { state, answer, body, error }: JobEnd, now: number, keptMs: number): void {
    this.#unfinished = this.unfinished - 1;
    this.#chunks.remove(id);
    if (body && body.length > 0) this.#chunks.append(id, 'answer', body);
    this.#sql.exec(
      `UPDATE jobs SET state = ?, ended_at = ?, status = ?, answer_headers = ?, error = ?,
         expires_at = CASE WHEN batch IS NULL THEN ? END,
         webhook_at = CASE WHEN webhook_url IS NOT NULL THEN ? END WHERE id = ?`,
      ...[state, now, answer?.status ?? null, answer ? JSON.stringify(answer.headers) : null],
      ...[error ? JSON.stringify(error) : null, now + keptMs, now, id],
    );
  }

  /** Unfinished jobs whose deadline has passed, MAX_ROWS at most. */
  overdue(now: number): JobRow[] {
    return this.#sql
      .exec(
        `SELECT * FROM jobs WHERE ended_at IS NULL AND state <> 'held' AND deadline_at <= ?
         LIMIT ?`,
        ...[now, MAX_ROWS],
      )
      .toArray()
      .map(jobOf);
  }

  /** Jobs that are stored as running: those of an object that died, and those that do run. */
  interrupted(): JobRow[] {
    return this.#sql.exec(`SELECT * FROM jobs WHERE state = 'in_progress'`).toArray().map(jobOf);
  }

  /** Deletes a job that has ended. */
  delete(id: string): void {
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

  dueWebhooks(now: number, most: number): JobRow[] {
    return this.#sql
      .exec('SELECT * FROM jobs WHERE webhook_at <= ? ORDER BY webhook_at LIMIT ?', now, most)
      .toArray()
      .map(jobOf);
  }

  /**
   * Stores that a delivery begins. If the object dies before it has ended, it is made again at
   * `until`.
   */
  webhookStarted(id: string, until: number): void {
    this.#sql.exec('UPDATE jobs SET webhook_at = ? WHERE id = ?', until, id);
  }

  /** Stores how a delivery ended; `nextAt` is absent where there is no further one. */
  webhookTried(id: string, state: 'pending' | 'delivered' | 'failed', nextAt?: number): void {
    this.#sql.exec(
      `UPDATE jobs SET webhook_state = ?, webhook_tries = webhook_tries + 1, webhook_at = ?
       WHERE id = ?`,
      ...[state, nextAt ?? null, id],
    );
  }

  /** Allows the lines of a batch to start. */
  releaseLines(batch: string, now: number): void {
    this.#sql.exec(
      `UPDATE jobs SET state = 'queued', not_before = ? WHERE batch = ? AND state = 'held'`,
      ...[now, batch],
    );
  }

  hasLine(batch: string, customId: string): boolean {
    const rows = this.#sql.exec(
      'SELECT 1 FROM jobs WHERE batch = ? AND custom_id = ?',
      ...[batch, customId],
    );
    return rows.toArray().length > 0;
  }

  /** Lines of a batch that have not ended, running ones included, MAX_ROWS at most. */
  unfinishedLines(batch: string): JobRow[] {
    return this.#sql
      .exec('SELECT * FROM jobs WHERE batch = ? AND ended_at IS NULL LIMIT ?', batch, MAX_ROWS)
      .toArray()
      .map(jobOf);
  }

  /** The first lines of a batch, in the order of its input. */
  lines(batch: string, most: number): JobRow[] {
    return this.#sql
      .exec('SELECT * FROM jobs WHERE batch = ? ORDER BY line LIMIT ?', batch, most)
      .toArray()
      .map(jobOf);
  }

  removeLines(batch: string): void {
    this.#unfinished = undefined;
    this.#chunks.removeAll(`${batch}/`);
    this.#sql.exec('DELETE FROM jobs WHERE batch = ?', batch);
  }

  /** When the next job may start, epoch ms; Infinity for never. */
  get startDueAt(): number {
    return Math.min(
      ...[0, 1].map((single) =>
        this.#first(
          `SELECT not_before AS at FROM jobs WHERE state = 'queued' AND (batch IS NULL) = ${single}
           ORDER BY not_before LIMIT 1`,
        ),
      ),
    );
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

  get webhookDueAt(): number {
    return this.#first(
      'SELECT webhook_at AS at FROM jobs WHERE webhook_at IS NOT NULL ORDER BY webhook_at LIMIT 1',
    );
  }

  #first(query: string): number {
    const [row] = this.#sql.exec(query);
    return Number(row?.at ?? Infinity);
  }
}
