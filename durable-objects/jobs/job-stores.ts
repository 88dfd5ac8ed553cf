/**
 * The tables of the jobs object: every SQL statement of it is in one of these stores, which share its
 * database. What changes the sums of a key, `accounts`, is followed by their `save` in one transaction.
 */
import { migrate } from '../migrations.ts';
import { BatchStore } from './batch-store.ts';
import { ChunkStore } from './chunk-store.ts';
import { FileStore } from './file-store.ts';
import { JOB_MIGRATIONS } from './job-schema.ts';
import { JobStore } from './job-store.ts';
import { KeyAccounts } from './key-accounts.ts';
import { LineStore } from './line-store.ts';
import { WebhookStore } from './webhook-store.ts';

export interface JobStores {
  readonly accounts: KeyAccounts;
  readonly chunks: ChunkStore;
  readonly jobs: JobStore;
  readonly lines: LineStore;
  readonly webhooks: WebhookStore;
  readonly files: FileStore;
  readonly batches: BatchStore;
}

/** The stores of a database, which is brought to the present version of its tables. */
export function jobStores(storage: DurableObjectStorage): JobStores {
  migrate(storage, JOB_MIGRATIONS);
  const { sql } = storage;
  const chunks = new ChunkStore(sql);
  const accounts = new KeyAccounts(sql);
  return {
    accounts,
    chunks,
    jobs: new JobStore(sql, chunks, accounts),
    lines: new LineStore(sql, chunks, accounts),
    webhooks: new WebhookStore(sql),
    files: new FileStore(sql, chunks, accounts),
    batches: new BatchStore(sql, accounts),
  };
}
