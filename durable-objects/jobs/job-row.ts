/**
 * A job as its row is read, and the part of it that may be shown. The statements are in
 * job-store.ts.
 */
import type { JobState } from '../../src/core/limits/job-rules.ts';
import type { Job, JobError } from '../../src/protocol/jobs.ts';

type Row = Record<string, SqlStorageValue>;

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

/** Reads a row of the table `jobs`. */
export function jobOf(row: Row): JobRow {
  const error = row.error === null ? undefined : (JSON.parse(String(row.error)) as JobError);
  const status = row.status === null ? undefined : Number(row.status);
  return {
    id: String(row.id),
    state: String(row.state) as JobState,
    method: String(row.method),
    path: String(row.path),
    attempts: Number(row.attempts),
    createdAt: Number(row.created_at),
    deadlineAt: Number(row.deadline_at),
    ...(row.started_at === null ? {} : { startedAt: Number(row.started_at) }),
    ...(row.ended_at === null ? {} : { endedAt: Number(row.ended_at) }),
    ...(row.expires_at === null ? {} : { expiresAt: Number(row.expires_at) }),
    ...(status === undefined
      ? {}
      : { answer: { status, headers: JSON.parse(String(row.answer_headers)) } }),
    ...(error ? { error } : {}),
    ...(row.webhook_url === null
      ? {}
      : {
          webhook: {
            url: String(row.webhook_url),
            state: String(row.webhook_state),
            tries: Number(row.webhook_tries),
          },
        }),
    keyId: String(row.key_id),
    keyHash: String(row.key_hash),
    bytes: Number(row.bytes),
    textBytes: Number(row.text_bytes),
    headers: JSON.parse(String(row.headers)),
    ownDeadline: row.own_deadline === 1,
    ...(row.batch === null ? {} : { batch: String(row.batch) }),
    ...(row.custom_id === null ? {} : { customId: String(row.custom_id) }),
    ...(row.print === null ? {} : { print: String(row.print) }),
    ...(row.webhook_secret === null ? {} : { webhookSecret: String(row.webhook_secret) }),
  };
}
