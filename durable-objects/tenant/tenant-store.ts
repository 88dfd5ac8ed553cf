/**
 * The storage of a tenant's object: its document, runs in flight and what is learned of backends.
 * Leases are in lease-rows.ts, finished runs in recorded-runs.ts, wakes and their costs in
 * prewarm-store.ts. What is learned is written in batches, one transaction each, so that a run is
 * never counted twice.
 */

import type { BackendSnapshot } from '../../src/core/backends/backend-snapshot.ts';
import type { TenantDocument } from '../../src/protocol/tenant.ts';
import { migrate } from '../migrations.ts';
import { readBackendSnapshot } from './backend-snapshot.ts';
import { AuditLog } from './console/audit-log.ts';
import { ConfigVersions } from './console/config-versions.ts';
import { RunSearch } from './console/run-search.ts';
import { type EndpointSegment, TimelineStore } from './console/timeline-store.ts';
import { LastWritten } from './last-written.ts';
import { LeaseRows } from './lease-rows.ts';
import { completeLoans, LoanRows } from './loan-rows.ts';
import { PrefixTexts } from './prefix-texts.ts';
import { type PrewarmBatch, PrewarmStore } from './prewarm-store.ts';
import { type FinishedRun, RecordedRuns } from './recorded-runs.ts';
import { RunningRuns, type RunRows } from './running-runs.ts';
import { MIGRATIONS } from './tenant-schema.ts';

/** What was learned since the previous batch. */
export interface Batch extends PrewarmBatch {
  readonly finished: readonly FinishedRun[];
  /** What changed of the runs in flight, and the ids of those that ended. */
  readonly running: readonly RunRows[];
  readonly endedRuns: readonly string[];
  readonly backends: Readonly<Record<string, BackendSnapshot>>;
  /** What endpoints were since the last batch, and when it is written, epoch ms. */
  readonly segments: readonly EndpointSegment[];
  readonly at: number;
}

export class TenantStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly leases: LeaseRows;
  readonly loans: LoanRows;
  readonly running: RunningRuns;
  readonly recorded: RecordedRuns;
  readonly runSearch: RunSearch;
  readonly #backends = new LastWritten();
  readonly prewarm: PrewarmStore;
  readonly prefixes: PrefixTexts;
  readonly timeline: TimelineStore;
  readonly versions: ConfigVersions;
  readonly audit: AuditLog;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    migrate(this.#storage, MIGRATIONS);
    completeLoans(storage.sql);
    this.leases = new LeaseRows(storage.sql);
    this.loans = new LoanRows(storage.sql);
    this.running = new RunningRuns(storage.sql);
    this.recorded = new RecordedRuns(storage);
    this.runSearch = new RunSearch(storage.sql);
    this.prewarm = new PrewarmStore(storage.sql);
    this.prefixes = new PrefixTexts(storage.sql);
    this.timeline = new TimelineStore(storage.sql);
    this.versions = new ConfigVersions(storage.sql);
    this.audit = new AuditLog(storage.sql);
  }

  get databaseBytes(): number {
    return this.#sql.databaseSize;
  }

  /**
   * Deletes everything, the alarm included, and leaves a store that is empty but for the audit log: who
   * deleted a tenant must not go with it.
   */
  async clear(): Promise<void> {
    const audit = this.audit.all();
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    this.leases.clear();
    this.loans.clear();
    this.#backends.clear();
    migrate(this.#storage, MIGRATIONS);
    for (const row of audit) this.audit.add(row);
  }

  document(): TenantDocument | undefined {
    const [row] = this.#sql.exec<{ version: number; config: string }>(
      'SELECT version, config FROM document WHERE config IS NOT NULL',
    );
    return row && { version: row.version, config: JSON.parse(row.config) };
  }

  /** Version at which the tenant was deleted: no configuration up to it is valid. 0 for none. */
  deletedVersion(): number {
    const deleted = 'SELECT version FROM document WHERE config IS NULL';
    return this.#sql.exec<{ version: number }>(deleted).toArray()[0]?.version ?? 0;
  }

  saveDeleted(version: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO document VALUES (1, ?, NULL)', version);
  }

  /** Stores a document; what `record` writes is stored with it, or neither is. */
  saveDocument(document: TenantDocument, record: () => void = () => undefined): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec(
        'INSERT OR REPLACE INTO document VALUES (1, ?, ?)',
        document.version,
        JSON.stringify(document.config),
      );
      record();
    });
  }

  backends(): Map<string, BackendSnapshot> {
    const rows = this.#sql.exec<Record<'name' | 'snapshot', string>>(
      'SELECT name, snapshot FROM backends',
    );
    return new Map(
      rows.toArray().map(({ name, snapshot }) => [name, readBackendSnapshot(snapshot)]),
    );
  }

  /**
   * Writes a batch in one transaction, and deletes the rows of ended leases in the same. Returns the
   * runs in flight that were written: one whose row would be too long is not.
   */
  saveBatch(batch: Batch): readonly RunRows[] {
    let deleted: string[] = [];
    let running: readonly RunRows[] = [];
    const backends = this.#backends.changed(batch.backends);
    this.#storage.transactionSync(() => {
      deleted = this.leases.deleteEndedRows();
      this.loans.writeTurns();
      for (const id of batch.endedRuns) this.running.delete(id);
      running = batch.running.filter((run) => this.running.save(run));
      for (const [name, text] of backends) {
        this.#sql.exec('INSERT OR REPLACE INTO backends VALUES (?, ?)', name, text);
      }
      this.recorded.add(batch.finished);
      this.prewarm.add(batch);
      this.timeline.add(batch.segments, batch.at);
    });
    this.leases.forget(deleted);
    this.loans.written();
    this.#backends.written(backends);
    return running;
  }
}
