/** What passes between the Worker and a tenant's jobs object: plain data, and bytes in pieces. */
import type { JobState } from '../core/limits/job-rules.ts';

/** Header from the object to its runner (src/job-runner.ts): tenant and API key id, as JSON. */
export const RUN_FOR = 'x-talaria-run-for';

/** Size of the pieces of bodies, answers and files: rows of SQLite may have 2 MB. */
export const PIECE_BYTES = 1_000_000;

export interface JobError {
  readonly code: string;
  readonly message: string;
}

export interface NewJob {
  readonly id: string;
  readonly keyId: string;
  /** SHA-256 of the API key, in hex: the id alone may be given to another key later. */
  readonly keyHash?: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Epoch ms, as all times here. */
  readonly createdAt: number;
  readonly deadlineAt: number;
  /** The deadline is the client's, and not the default of the configuration. */
  readonly ownDeadline: boolean;
  /** Its call would be refused: only an order that was accepted before is answered. */
  readonly impossible?: boolean;
  /** The client's idempotency key, and a fingerprint of the order that came with it. */
  readonly once?: { readonly key: string; readonly print: string };
  readonly webhook?: { readonly url: string; readonly secret?: string };
}

/** A job as it is shown to clients. */
export interface Job {
  readonly id: string;
  readonly state: JobState;
  readonly method: string;
  readonly path: string;
  readonly attempts: number;
  readonly createdAt: number;
  readonly deadlineAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** When it is deleted. */
  readonly expiresAt?: number;
  /** The last answer, where there was one. */
  readonly answer?: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
  readonly error?: JobError;
  readonly webhook?: { readonly url: string; readonly state: string; readonly tries: number };
}

export type Created =
  | { readonly status: 'created' | 'replay'; readonly job: Job }
  | { readonly status: 'conflict' | 'impossible' }
  /** There is no room; `exceeded` is absent where the object knows no configuration. */
  | { readonly status: 'full'; readonly retryAfterMs: number; readonly exceeded?: Exceeded };

/** A bound that an order would exceed: `most` jobs, batches, files or stored bytes. */
export interface Exceeded {
  readonly what: 'jobs' | 'batches' | 'files' | 'bytes';
  readonly of: 'key' | 'tenant';
  readonly most: number;
}

export type FileOpened =
  | { readonly status: 'opened' }
  | { readonly status: 'full'; readonly exceeded?: Exceeded };

export type BatchOrdered =
  | { readonly status: 'ordered'; readonly batch: Batch }
  | { readonly status: 'no-input' }
  | { readonly status: 'full'; readonly exceeded?: Exceeded };

/** What one API key has of jobs, batches, files and storage. */
export interface KeyUsage {
  readonly keyId: string;
  /** Empty for what is from before hashes were stored. */
  readonly keyHash: string;
  /** Jobs and batches that have not ended, and jobs whose calls wait for a slot or run. */
  readonly jobs: number;
  readonly batches: number;
  readonly running: number;
  readonly files: number;
  /** As they are stored: rows, bodies, answers and files. */
  readonly bytes: number;
  /** Webhooks that are to be sent, or sent again. */
  readonly webhooks: number;
}

export interface Page {
  /** The last id of the previous page; absent for the first page. */
  readonly after?: string;
  readonly limit: number;
}

/** A page of a list; `more`: there is another page after it. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

export interface StoredFile {
  readonly id: string;
  readonly purpose: 'batch' | 'batch_output';
  readonly filename: string;
  readonly bytes: number;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A file whose upload begins; `keyId` and `keyHash` are those of the API key that uploads it. */
export interface NewFile extends Omit<StoredFile, 'bytes' | 'expiresAt'> {
  readonly keyId?: string;
  readonly keyHash?: string | undefined;
}

export type BatchState =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled';

export interface BatchError extends JobError {
  readonly line?: number;
  readonly param?: string;
}

export interface NewBatch {
  readonly id: string;
  readonly keyId: string;
  readonly keyHash?: string | undefined;
  readonly endpoint: string;
  readonly inputFile: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long its output is kept, ms, where the client has set that. */
  readonly outputLifetimeMs?: number;
}

/** A batch as it is shown to clients; `times` has when each state began. */
export interface Batch extends NewBatch {
  readonly state: BatchState;
  readonly createdAt: number;
  readonly deadlineAt: number;
  readonly times: Readonly<Partial<Record<BatchState, number>>>;
  readonly errors: readonly BatchError[];
  readonly outputFile?: string;
  readonly errorFile?: string;
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly usage: { readonly input: number; readonly output: number };
}

export type { JobState };

/**
 * An id that sorts by time, so that it is valid as a cursor even after its item was deleted.
 * `chance` is random bytes.
 */
export function newId(prefix: string, now: number, chance: Uint8Array): string {
  const time = Math.floor(now).toString(16).padStart(12, '0');
  return prefix + time + Array.from(chance, (b) => b.toString(16).padStart(2, '0')).join('');
}

export function randomId(prefix: string, now = Date.now()): string {
  return newId(prefix, now, crypto.getRandomValues(new Uint8Array(10)));
}

/** The RPC methods of the jobs object. Items are created by id, so that a repeated call is safe. */
export interface JobsApi {
  createJob(job: NewJob): Promise<Created>;
  job(id: string): Promise<{ job: Job; body: Uint8Array } | undefined>;
  listJobs(page: Page, state?: JobState): Promise<Listed<Job>>;
  /** Cancels a job that has not ended, and deletes one that has. */
  dropJob(id: string): Promise<{ job: Job; deleted: boolean } | undefined>;

  /** Begins an upload of `bytes`, for which room is kept from then on. */
  openFile(file: NewFile, bytes: number): Promise<FileOpened>;
  /** `openFile` for Workers of an earlier version: false where there is no room. */
  beginFile(file: NewFile, bytes: number): Promise<boolean>;
  /** False where the file is not, or no longer, being uploaded. */
  putPiece(id: string, n: number, bytes: Uint8Array): Promise<boolean>;
  completeFile(id: string, lifetimeMs?: number): Promise<StoredFile | undefined>;
  file(id: string): Promise<StoredFile | undefined>;
  listFiles(page: Page, filter: FileFilter): Promise<Listed<StoredFile>>;
  deleteFile(id: string): Promise<boolean>;
  piece(id: string, n: number): Promise<Uint8Array | undefined>;

  orderBatch(batch: NewBatch): Promise<BatchOrdered>;
  /** `orderBatch` for Workers of an earlier version: undefined where there is no such input file. */
  createBatch(batch: NewBatch): Promise<Batch | undefined>;
  batch(id: string): Promise<Batch | undefined>;
  listBatches(page: Page): Promise<Listed<Batch>>;
  cancelBatch(id: string): Promise<{ batch: Batch; cancelled: boolean } | undefined>;

  /** What each key has; keys that have nothing are left out. */
  usage(): Promise<readonly KeyUsage[]>;
  destroy(): Promise<void>;
}

export interface FileFilter {
  readonly purpose?: string;
  /** True for the oldest first. */
  readonly ascending?: boolean;
}
