/**
 * A job as its row is read, and the part of it that may be shown. Which rows are read is said in
 * job-store.ts, line-store.ts and webhook-store.ts.
 */
import type { JobState } from '../../src/core/limits/job-rules.ts';
import type { Job, JobError } from '../../src/protocol/jobs.ts';

/** A row of the table `jobs`, as its columns are declared. */
interface TableRow {
  readonly id: string;
  readonly state: JobState;
  readonly method: string;
  readonly path: string;
  readonly attempts: number;
  readonly created_at: number;
  readonly deadline_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly expires_at: number | null;
  readonly status: number | null;
  readonly answer_headers: string;
  readonly error: string | null;
  readonly webhook_url: string | null;
  readonly webhook_state: NonNullable<Job['webhook']>['state'];
  readonly webhook_tries: number;
  readonly webhook_secret: string | null;
  readonly key_id: string;
  readonly key_hash: string;
  readonly bytes: number;
  readonly text_bytes: number;
  readonly headers: string;
  readonly own_deadline: number;
  readonly batch: string | null;
  readonly custom_id: string | null;
  readonly print: string | null;
}

/** A job with the fields that only its object needs. */
export interface JobRow extends Job {
  readonly keyId: string;
  readonly keyHash: string;
  /** Bytes that it counts for as it is stored, and bytes of its texts. */
  readonly bytes: number;
  readonly textBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly ownDeadline: boolean;
  readonly batch?: string;
  readonly customId?: string;
  readonly print?: string;
  readonly webhookSecret?: string;
}

/** The part of a job that may be shown. */
export function shownJob(row: JobRow): Job {
  const { keyId, keyHash, bytes, textBytes, headers, ownDeadline, ...more } = row;
  const { batch, customId, print, webhookSecret, ...job } = more;
  return job;
}

/** The jobs for which a condition holds, in SQL; the condition may end with an order and a limit. */
export function jobsWhere(
  sql: SqlStorage,
  condition: string,
  ...values: SqlStorageValue[]
): JobRow[] {
  return sql
    .exec(`SELECT * FROM jobs WHERE ${condition}`, ...values)
    .toArray()
    .map(jobOf);
}

function jobOf(read: Record<string, SqlStorageValue>): JobRow {
  const row = read as unknown as TableRow;
  const error: JobError | null = row.error === null ? null : JSON.parse(row.error);
  return {
    id: row.id,
    state: row.state,
    method: row.method,
    path: row.path,
    attempts: row.attempts,
    createdAt: row.created_at,
    deadlineAt: row.deadline_at,
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.status === null
      ? {}
      : { answer: { status: row.status, headers: JSON.parse(row.answer_headers) } }),
    ...(error ? { error } : {}),
    ...(row.webhook_url === null
      ? {}
      : {
          webhook: { url: row.webhook_url, state: row.webhook_state, tries: row.webhook_tries },
        }),
    keyId: row.key_id,
    keyHash: row.key_hash,
    bytes: row.bytes,
    textBytes: row.text_bytes,
    headers: JSON.parse(row.headers),
    ownDeadline: row.own_deadline === 1,
    ...(row.batch === null ? {} : { batch: row.batch }),
    ...(row.custom_id === null ? {} : { customId: row.custom_id }),
    ...(row.print === null ? {} : { print: row.print }),
    ...(row.webhook_secret === null ? {} : { webhookSecret: row.webhook_secret }),
  };
}
