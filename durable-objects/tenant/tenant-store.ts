/**
 * The storage of a tenant's object: its document, leases, runs in flight and what is learned of
 * backends. Finished runs are in recorded-runs.ts, wakes and their costs in prewarm-store.ts.
 *
 * A lease is written when it is granted: the row makes the grant durable, and fences off an
 * instance that a newer one has replaced. What is learned is written in batches, one transaction
 * each, so that a run is never counted twice.
 */

import type { BackendSnapshot } from '../../src/core/backends/backend-snapshot.ts';
import type { CallRequest } from '../../src/core/runs/call-request.ts';
import type { Lease } from '../../src/core/runs/lease.ts';
import type { RunSnapshot } from '../../src/core/runs/live-visit.ts';
import type { TenantDocument } from '../../src/protocol/tenant.ts';
import { migrate } from '../migrations.ts';
import { readBackendSnapshot } from './backend-snapshot.ts';
import { type PrewarmBatch, PrewarmStore } from './prewarm-store.ts';
import { type FinishedRun, RecordedRuns } from './recorded-runs.ts';
import { MAX_ROW_CHARS, MIGRATIONS } from './tenant-schema.ts';

/** What was learned since the previous batch. */
export interface Batch extends PrewarmBatch {
  readonly finished: readonly FinishedRun[];
  /** Runs in flight whose progress changed, and the ids of those that ended. */
  readonly running: readonly RunSnapshot[];
  readonly endedRuns: readonly string[];
  readonly backends: Readonly<Record<string, BackendSnapshot>>;
  /** Calls that have given back their slot, but whose lease's row could not be deleted then. */
  readonly leftoverLeases: readonly string[];
}

export class TenantStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly recorded: RecordedRuns;
  readonly prewarm: PrewarmStore;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    migrate(this.#storage, MIGRATIONS);
    this.recorded = new RecordedRuns(storage);
    this.prewarm = new PrewarmStore(storage.sql);
  }

  /** Deletes everything, the alarm included, and leaves an empty store. */
  async clear(): Promise<void> {
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    migrate(this.#storage, MIGRATIONS);
  }

  document(): TenantDocument | undefined {
    const [row] = this.#sql.exec('SELECT version, config FROM document WHERE config IS NOT NULL');
    return row && { version: Number(row.version), config: JSON.parse(String(row.config)) };
  }

  /** Version at which the tenant was deleted: no configuration up to it is valid. 0 for none. */
  deletedVersion(): number {
    const [row] = this.#sql.exec('SELECT version FROM document WHERE config IS NULL');
    return Number(row?.version ?? 0);
  }

  saveDeleted(version: number): void {
    this.#sql.exec('INSERT OR REPLACE INTO document VALUES (1, ?, NULL)', version);
  }

  saveDocument(document: TenantDocument): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO document VALUES (1, ?, ?)',
      document.version,
      JSON.stringify(document.config),
    );
  }

  saveLease(request: CallRequest, lease: Lease): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO leases (call_id, endpoint, granted_at, expires_at, request, length_ms)
       VALUES (?, ?, ?, ?, ?, ?)`,
      request.callId,
      lease.endpoint,
      lease.grantedAt,
      lease.expiresAt,
      JSON.stringify(request),
      lease.lengthMs,
    );
  }

  renewLease(callId: string, expiresAt: number): void {
    this.#sql.exec('UPDATE leases SET expires_at = ? WHERE call_id = ?', expiresAt, callId);
  }

  deleteLease(callId: string): void {
    this.#sql.exec('DELETE FROM leases WHERE call_id = ?', callId);
  }

  /** The stored leases; `leaseMs` is the length of those that were stored without one. */
  leases(leaseMs: number): Array<{ request: CallRequest; lease: Lease }> {
    return [...this.#sql.exec('SELECT * FROM leases')].map((row) => ({
      request: JSON.parse(String(row.request)),
      lease: {
        endpoint: String(row.endpoint),
        grantedAt: Number(row.granted_at),
        lengthMs: Number(row.length_ms ?? leaseMs),
        expiresAt: Number(row.expires_at),
      },
    }));
  }

  /** The runs in flight. */
  running(): RunSnapshot[] {
    return [...this.#sql.exec('SELECT snapshot FROM runs')].map((row) =>
      JSON.parse(String(row.snapshot)),
    );
  }

  backends(): Map<string, BackendSnapshot> {
    return new Map(
      [...this.#sql.exec('SELECT name, snapshot FROM backends')].map((row) => [
        String(row.name),
        readBackendSnapshot(String(row.snapshot)),
      ]),
    );
  }

  /** Writes a batch in one transaction. */
  saveBatch(batch: Batch): void {
    this.#storage.transactionSync(() => {
      for (const callId of batch.leftoverLeases) this.deleteLease(callId);
      for (const run of batch.running) this.#saveRunning(run);
      for (const id of batch.endedRuns) this.#sql.exec('DELETE FROM runs WHERE id = ?', id);
      for (const [name, snapshot] of Object.entries(batch.backends)) {
        const text = JSON.stringify(snapshot);
        this.#sql.exec('INSERT OR REPLACE INTO backends VALUES (?, ?)', name, text);
      }
      this.recorded.add(batch.finished);
      this.prewarm.add(batch);
    });
  }

  #saveRunning(run: RunSnapshot): void {
    const text = JSON.stringify(run);
    if (text.length > MAX_ROW_CHARS) return;
    this.#sql.exec('INSERT OR REPLACE INTO runs VALUES (?, ?)', run.id, text);
  }
}
