/** The tables of the jobs object: every SQL statement of it is in one of these stores, of one database. */
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
  /** Everything that changes what a key has stored is done within a transaction. */
  transaction<T>(act: () => T): T;
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
    transaction(act) {
      try {
        return storage.transactionSync(() => {
          const result = act();
          accounts.save();
          return result;
        });
      } catch (error) {
        accounts.reload();
        throw error;
      }
    },
  };
}
