/**
 * Whether a new job, file or batch is taken: each once, however often it is ordered, and only where its
 * key and the tenant have room for it (job-bounds.ts). Nothing is stored here.
 */
import type { JobSettings } from '../../src/config/job-settings.ts';
import type {
  BatchOrdered,
  Created,
  FileOpened,
  NewBatch,
  NewFile,
  NewJob,
} from '../../src/protocol/jobs.ts';
import { newBatchBytes } from './batch-store.ts';
import { newFileBytes } from './file-store.ts';
import { exceededBound } from './job-bounds.ts';
import { shownJob } from './job-row.ts';
import { jobBytes } from './job-store.ts';
import type { JobStores } from './job-stores.ts';
import { UNKNOWN_KEY } from './key-accounts.ts';

/** Retry time for clients when there is no room for another job, ms. */
const FULL_RETRY_MS = 30_000;

/**
 * The answer to the order of a job; undefined where it is to be stored. `settings`, here and below, are
 * absent where the tenant has no valid configuration.
 */
export function answerToJob(
  { jobs, accounts }: JobStores,
  job: NewJob,
  settings: JobSettings | undefined,
): Created | undefined {
  const existing = jobs.job(job.id);
  if (existing) return { status: 'created', job: shownJob(existing) };
  const { keyId, keyHash = UNKNOWN_KEY, once } = job;
  const ordered = once && jobs.ordered(keyId, keyHash, once.key);
  if (ordered) {
    if (ordered.print !== once.print) return { status: 'conflict' };
    return { status: 'replay', job: shownJob(ordered) };
  }
  if (job.impossible) return { status: 'impossible' };
  if (!settings) return { status: 'full', retryAfterMs: FULL_RETRY_MS };
  const more = { jobs: 1, bytes: jobBytes(job) };
  const exceeded = exceededBound(accounts, keyHash, more, settings);
  return exceeded && { status: 'full', retryAfterMs: FULL_RETRY_MS, exceeded };
}

/** The answer to an upload of so many bytes; undefined where it is to begin. */
export function answerToFile(
  { files, accounts }: JobStores,
  { id, filename, keyHash = UNKNOWN_KEY }: NewFile,
  bytes: number,
  settings: JobSettings | undefined,
): FileOpened | undefined {
  if (files.isBegun(id)) return { status: 'opened' };
  if (!settings) return { status: 'full' };
  const more = { files: 1, bytes: newFileBytes(filename, bytes) };
  const exceeded = exceededBound(accounts, keyHash, more, settings);
  return exceeded && { status: 'full', exceeded };
}

/** The answer to the order of a batch; undefined where it is to be stored. */
export function answerToBatch(
  { batches, files, accounts }: JobStores,
  batch: NewBatch,
  settings: JobSettings | undefined,
): BatchOrdered | undefined {
  const existing = batches.batch(batch.id);
  if (existing) return { status: 'ordered', batch: existing };
  if (files.file(batch.inputFile)?.purpose !== 'batch') return { status: 'no-input' };
  if (!settings) return { status: 'full' };
  const more = { batches: 1, bytes: newBatchBytes(batch) };
  const exceeded = exceededBound(accounts, batch.keyHash ?? UNKNOWN_KEY, more, settings);
  return exceeded && { status: 'full', exceeded };
}
