/**
 * Every SQL statement of a tenant's object. Leases are written when they are granted: the row makes
 * the grant durable, and fences an instance that a newer one has replaced. What is learned is
 * written in batches, one transaction each, so that a run is never counted twice.
 */
import type { ArrivalSnapshot } from '../src/core/arrivals.ts';
import type { BackendSpeedSnapshot } from '../src/core/backend-speed.ts';
import type { EndpointSnapshot, Wake, WakeCause, WakeOutcome } from '../src/core/endpoint.ts';
import type { CallRequest, Lease, RunSnapshot } from '../src/core/live-run.ts';
import type { AccountsSnapshot } from '../src/core/prewarm-accounts.ts';
import { emptyCounts, LEDGER_FIELDS, type LedgerEntry } from '../src/core/prewarm-ledger.ts';
import type { RecordedRun } from '../src/core/recorded-run.ts';
import type { TenantDocument } from '../src/protocol.ts';
import { migrate } from './migrations.ts';
import { readBackendSnapshot } from './old-snapshots.ts';

/** Forward-only, never edited once released: a change is one more entry. */
export const MIGRATIONS = [
  `CREATE TABLE document (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER, config TEXT);
   CREATE TABLE leases (call_id TEXT PRIMARY KEY, endpoint TEXT, granted_at REAL, expires_at REAL,
     request TEXT) WITHOUT ROWID;
   CREATE TABLE runs (id TEXT PRIMARY KEY, snapshot TEXT) WITHOUT ROWID;
   CREATE TABLE recorded (seq INTEGER PRIMARY KEY, app TEXT, finished_at REAL, learned INTEGER,
     record TEXT);
   CREATE TABLE backends (name TEXT PRIMARY KEY, snapshot TEXT) WITHOUT ROWID;
   CREATE TABLE wakes (seq INTEGER PRIMARY KEY, backend TEXT, endpoint TEXT, cause TEXT, at REAL,
     probability REAL, reason TEXT, outcome TEXT, ended_at REAL);`,
  `CREATE TABLE prewarm_accounts (id INTEGER PRIMARY KEY CHECK (id = 1), snapshot TEXT);
   CREATE TABLE prewarm_days (day TEXT, backend TEXT, counts TEXT, PRIMARY KEY (day, backend))
     WITHOUT ROWID;`,
  // Absent of leases from before: they last as long as is configured.
  'ALTER TABLE leases ADD COLUMN length_ms REAL;',
];

/** Finished runs kept of a tenant, the newest; a restart learns from them anew. */
const RECORDED_KEPT = 5_000;
const WAKES_KEPT = 1_000;
/** Days of which the cost of warm endpoints is kept, beside the sum of all. */
const DAYS_KEPT = 90;
/** In the place of a day: the sum since the beginning. */
const ALL_DAYS = 'all';
/** Rows may hold 2 MB; a longer record (some 20,000 calls) is not kept. */
const MAX_ROW_CHARS = 1_000_000;

/** What is learned of one backend. */
export interface BackendSnapshot {
  readonly speed: BackendSpeedSnapshot;
  readonly arrivals: ArrivalSnapshot;
  readonly endpoints: Readonly<Record<string, EndpointSnapshot>>;
}

export interface FinishedRun {
  readonly record: RecordedRun;
  readonly finishedAt: number;
  readonly learned: boolean;
}

export interface WakeRecord {
  readonly backend: string;
  readonly endpoint: string;
  readonly wake: Omit<Wake, 'cause'> & { readonly cause: WakeCause | 'release' };
  readonly outcome: WakeOutcome | 'dry-run' | 'over-budget' | 'released';
  readonly endedAt: number;
}

/** One batch of what is learned. */
export interface Batch {
  readonly finished: readonly FinishedRun[];
  /** Runs in flight whose progress changed, and the ids of those that ended. */
  readonly running: readonly RunSnapshot[];
  readonly endedRuns: readonly string[];
  readonly backends: Readonly<Record<string, BackendSnapshot>>;
  readonly wakes: readonly WakeRecord[];
  /** Calls without a slot whose lease's row could not be deleted when the slot came back. */
  readonly leftLeases: readonly string[];
  /** What endpoints cost and waking them brought since the last batch. */
  readonly days: readonly LedgerEntry[];
  readonly accounts: AccountsSnapshot;
}

export class TenantStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    migrate(this.#storage, MIGRATIONS);
  }

  /** Forgets everything, the alarm too; an empty store is left. */
  async clear(): Promise<void> {
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    migrate(this.#storage, MIGRATIONS);
  }

  document(): TenantDocument | undefined {
    const [row] = this.#sql.exec('SELECT version, config FROM document WHERE config IS NOT NULL');
    return row && { version: Number(row.version), config: JSON.parse(String(row.config)) };
  }

  /** Version up to which no configuration counts any more: that at which the tenant was deleted. */
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

  /** `leaseMs`: of leases whose own length is not known. */
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

  /** Finished runs, oldest first. */
  *recorded(filter: { app?: string; learnedOnly: boolean }): Iterable<FinishedRun> {
    const rows = this.#sql.exec(
      `SELECT record, finished_at, learned FROM recorded
       WHERE (?1 IS NULL OR app = ?1) AND (learned = 1 OR ?2 = 0) ORDER BY seq`,
      filter.app ?? null,
      filter.learnedOnly ? 1 : 0,
    );
    for (const row of rows) {
      yield {
        record: JSON.parse(String(row.record)),
        finishedAt: Number(row.finished_at),
        learned: row.learned === 1,
      };
    }
  }

  /** From when recorded runs are, epoch ms, and the last of them. */
  recordedSpan(): { startMs: number; lastSeq: number } {
    const row = this.#sql
      .exec(
        `SELECT COALESCE(MIN(json_extract(record, '$.arrival_ms')), 0) AS start,
           COALESCE(MAX(seq), 0) AS last FROM recorded`,
      )
      .one();
    return { startMs: Number(row.start), lastSeq: Number(row.last) };
  }

  /** Finished runs of a stretch, in the order in which they ended. */
  *recordedBetween(after: number, last: number): Iterable<FinishedRun & { seq: number }> {
    const rows = this.#sql.exec(
      'SELECT * FROM recorded WHERE seq > ? AND seq <= ? ORDER BY seq',
      after,
      last,
    );
    for (const row of rows) {
      yield {
        seq: Number(row.seq),
        record: JSON.parse(String(row.record)),
        finishedAt: Number(row.finished_at),
        learned: row.learned === 1,
      };
    }
  }

  /** Names of the runs up to a place. */
  recordedNames(upTo: number): string[] {
    const rows = this.#sql.exec(
      "SELECT json_extract(record, '$.run') AS run FROM recorded WHERE seq <= ?",
      upTo,
    );
    return [...rows].map((row) => String(row.run));
  }

  /** By what recorded runs are told apart: name, application and arrival. */
  *recordedIdentities(): Iterable<Pick<RecordedRun, 'run' | 'app' | 'arrival_ms'>> {
    const rows = this.#sql.exec(
      `SELECT app, json_extract(record, '$.run') AS run,
         json_extract(record, '$.arrival_ms') AS arrival FROM recorded`,
    );
    for (const { run, app, arrival } of rows) {
      yield { run: String(run), app: String(app), arrival_ms: Number(arrival) };
    }
  }

  /** How many more runs can be kept without others having to go. */
  recordedRoom(): number {
    return RECORDED_KEPT - Number(this.#sql.exec('SELECT COUNT(*) AS n FROM recorded').one().n);
  }

  /** Keeps finished runs; answers those that it could keep. */
  saveRecorded(runs: readonly FinishedRun[]): FinishedRun[] {
    return this.#storage.transactionSync(() => runs.filter((run) => this.#saveFinished(run)));
  }

  /** The newest wakes, newest first. */
  wakes(limit: number): WakeRecord[] {
    const rows = this.#sql.exec('SELECT * FROM wakes ORDER BY seq DESC LIMIT ?', limit);
    return [...rows].map((row) => ({
      backend: String(row.backend),
      endpoint: String(row.endpoint),
      wake: {
        cause: String(row.cause) as WakeRecord['wake']['cause'],
        at: Number(row.at),
        probability: Number(row.probability),
        reason: String(row.reason),
      },
      outcome: String(row.outcome) as WakeRecord['outcome'],
      endedAt: Number(row.ended_at),
    }));
  }

  accounts(): AccountsSnapshot | undefined {
    const [row] = this.#sql.exec('SELECT snapshot FROM prewarm_accounts');
    return row && JSON.parse(String(row.snapshot));
  }

  /** What warm endpoints cost and brought, by day and backend: the newest day first. */
  prewarmDays(): LedgerEntry[] {
    return this.#days('day <> ?1', ALL_DAYS);
  }

  /** The same, summed up since the beginning. */
  prewarmTotals(): LedgerEntry[] {
    return this.#days('day = ?1', ALL_DAYS);
  }

  saveBatch(batch: Batch): void {
    this.#storage.transactionSync(() => {
      for (const callId of batch.leftLeases) this.deleteLease(callId);
      for (const run of batch.running) this.#saveRunning(run);
      for (const id of batch.endedRuns) this.#sql.exec('DELETE FROM runs WHERE id = ?', id);
      for (const run of batch.finished) this.#saveFinished(run);
      for (const [name, snapshot] of Object.entries(batch.backends)) {
        const text = JSON.stringify(snapshot);
        this.#sql.exec('INSERT OR REPLACE INTO backends VALUES (?, ?)', name, text);
      }
      for (const wake of batch.wakes) this.#saveWake(wake);
      for (const entry of batch.days) this.#addDay(entry);
      this.#sql.exec(
        'INSERT OR REPLACE INTO prewarm_accounts VALUES (1, ?)',
        JSON.stringify(batch.accounts),
      );
      this.#prune('recorded', RECORDED_KEPT);
      this.#prune('wakes', WAKES_KEPT);
    });
  }

  #saveRunning(run: RunSnapshot): void {
    const text = JSON.stringify(run);
    if (text.length > MAX_ROW_CHARS) return;
    this.#sql.exec('INSERT OR REPLACE INTO runs VALUES (?, ?)', run.id, text);
  }

  #saveFinished({ record, finishedAt, learned }: FinishedRun): boolean {
    const text = JSON.stringify(record);
    if (text.length > MAX_ROW_CHARS) return false;
    this.#sql.exec(
      'INSERT INTO recorded (app, finished_at, learned, record) VALUES (?, ?, ?, ?)',
      record.app,
      finishedAt,
      learned ? 1 : 0,
      text,
    );
    return true;
  }

  #saveWake({ backend, endpoint, wake, outcome, endedAt }: WakeRecord): void {
    this.#sql.exec(
      `INSERT INTO wakes (backend, endpoint, cause, at, probability, reason, outcome, ended_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      backend,
      endpoint,
      wake.cause,
      wake.at,
      wake.probability,
      wake.reason,
      outcome,
      endedAt,
    );
  }

  #addDay({ day, backend, counts }: LedgerEntry): void {
    for (const at of [day, ALL_DAYS]) {
      const [known] = this.#days('day = ?1 AND backend = ?2', at, backend);
      const sum = emptyCounts();
      for (const field of LEDGER_FIELDS) sum[field] = (known?.counts[field] ?? 0) + counts[field];
      this.#sql.exec(
        'INSERT OR REPLACE INTO prewarm_days VALUES (?, ?, ?)',
        at,
        backend,
        JSON.stringify(sum),
      );
    }
    this.#sql.exec(
      `DELETE FROM prewarm_days WHERE day <> ?1 AND day <= date(?2, '-${DAYS_KEPT} days')`,
      ALL_DAYS,
      day,
    );
  }

  #days(where: string, ...values: string[]): LedgerEntry[] {
    const rows = this.#sql.exec(
      `SELECT * FROM prewarm_days WHERE ${where} ORDER BY day DESC, backend`,
      ...values,
    );
    return [...rows].map(({ day, backend, counts }) => ({
      day: String(day),
      backend: String(backend),
      // A field that was added later is 0 in what is older.
      counts: { ...emptyCounts(), ...JSON.parse(String(counts)) },
    }));
  }

  #prune(table: 'recorded' | 'wakes', kept: number): void {
    this.#sql.exec(
      `DELETE FROM ${table} WHERE seq <= (SELECT COALESCE(MAX(seq), 0) FROM ${table}) - ?`,
      kept,
    );
  }
}
