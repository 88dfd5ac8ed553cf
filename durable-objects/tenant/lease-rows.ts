/**
 * The rows of leases. A row is written when the lease is granted: it makes the grant durable, and
 * fences off an instance that a newer one has replaced.
 *
 * The row of a lease that has ended is not deleted at once: the next grant at its endpoint
 * overwrites it, so that a call costs one row and one commit instead of two of each. Rows that no
 * grant follows are deleted together some milliseconds later (dispatch-loop.ts). Until then the end
 * is not acknowledged, so a Worker whose report was lost in a crash repeats it. An endpoint never
 * has more rows than it had leases at a time: the grant overwrites a row of the same endpoint.
 */
import type { CallRequest } from '../../src/core/runs/call-request.ts';
import type { Lease } from '../../src/core/runs/lease.ts';

/** The part of the storage that the rows need. */
export interface RowSql {
  exec(query: string, ...params: Array<string | number>): Iterable<Record<string, unknown>>;
}

interface Row {
  readonly number: number;
  readonly place: string;
}

interface EndedRow extends Row {
  /** It was there at the last look: by now no grant will overwrite it soon. */
  isOld: boolean;
  /** Settles when the row is gone, or cannot be deleted for now. */
  readonly over: PromiseWithResolvers<void>;
}

export interface StoredLease {
  readonly request: CallRequest;
  readonly lease: Lease;
}

export class LeaseRows {
  readonly #sql: RowSql;
  /** Rows of leases in force, by call. */
  readonly #live = new Map<string, Row>();
  /** Rows of leases that have ended, by call, and the calls by the place of their lease. */
  readonly #ended = new Map<string, EndedRow>();
  readonly #endedAt = new Map<string, Set<string>>();
  #next = 1;

  constructor(sql: RowSql) {
    this.#sql = sql;
  }

  /** Reads the stored leases; `leaseMs` is the length of those that were stored without one. */
  read(leaseMs: number): StoredLease[] {
    this.clear();
    return [...this.#sql.exec('SELECT * FROM leases')].map((row) => {
      const request = JSON.parse(String(row.request)) as CallRequest;
      const endpoint = String(row.endpoint);
      const number = Number(row.number);
      this.#live.set(request.callId, { number, place: placeOf(request, endpoint) });
      this.#next = Math.max(this.#next, number + 1);
      const lease = {
        endpoint,
        grantedAt: Number(row.granted_at),
        lengthMs: Number(row.length_ms ?? leaseMs),
        expiresAt: Number(row.expires_at),
      };
      return { request, lease };
    });
  }

  /** Forgets all rows, after they were deleted or before they are read. */
  clear(): void {
    for (const { over } of this.#ended.values()) over.resolve();
    this.#ended.clear();
    this.#endedAt.clear();
    this.#live.clear();
    this.#next = 1;
  }

  /** Stores a lease, in the place of one that has ended if there is one. Throws if it cannot. */
  save(request: CallRequest, lease: Lease): void {
    const { callId } = request;
    const place = placeOf(request, lease.endpoint);
    const [free] = this.#endedAt.get(place) ?? [];
    const own = this.#live.get(callId) ?? this.#ended.get(callId);
    // A call has one row, wherever it runs.
    if (own && free !== undefined && free !== callId) this.#delete([free]);
    const reused = own ?? (free === undefined ? undefined : this.#ended.get(free));
    const number = reused?.number ?? this.#next;
    this.#sql.exec(
      `INSERT OR REPLACE INTO leases (number, call_id, endpoint, granted_at, expires_at, request, length_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      number,
      callId,
      lease.endpoint,
      lease.grantedAt,
      lease.expiresAt,
      JSON.stringify(request),
      lease.lengthMs,
    );
    if (!reused) this.#next += 1;
    const overwritten = own ? callId : free;
    if (overwritten !== undefined) this.forget([overwritten]);
    this.#live.set(callId, { number, place });
  }

  renew(callId: string, expiresAt: number): void {
    const row = this.#live.get(callId);
    if (!row) return;
    this.#sql.exec('UPDATE leases SET expires_at = ? WHERE number = ?', expiresAt, row.number);
  }

  /** The call's lease has ended: its row is to go. */
  end(callId: string): void {
    const row = this.#live.get(callId);
    if (!row) return;
    this.#live.delete(callId);
    this.#ended.set(callId, { ...row, isOld: false, over: Promise.withResolvers<void>() });
    const there = this.#endedAt.get(row.place);
    if (there) there.add(callId);
    else this.#endedAt.set(row.place, new Set([callId]));
  }

  get hasEnded(): boolean {
    return this.#ended.size > 0;
  }

  /** Whether the row of the call's ended lease is still there. */
  hasRowOfEnded(callId: string): boolean {
    return this.#ended.has(callId);
  }

  /** Settles when the row of a lease that has ended is gone; at once where there is none. */
  async over(callId: string): Promise<void> {
    await this.#ended.get(callId)?.over.promise;
  }

  /**
   * Deletes the rows of leases that have ended, or only those that were there at the last call of
   * this method. Throws if it cannot; they are then tried again later.
   */
  deleteEnded(which: 'all' | 'old'): void {
    const all = [...this.#ended];
    const gone = which === 'all' ? all : all.filter(([, { isOld }]) => isOld);
    for (const [, row] of all) row.isOld = true;
    try {
      this.#delete(gone.map(([callId]) => callId));
    } catch (error) {
      // The end counts all the same, as a Worker can do nothing about it.
      for (const [, { over }] of gone) over.resolve();
      throw error;
    }
  }

  /**
   * Deletes the rows within a transaction of the caller, which passes the result to `forget` once
   * the transaction is done.
   */
  deleteEndedRows(): string[] {
    for (const { number } of this.#ended.values()) this.#deleteRow(number);
    return [...this.#ended.keys()];
  }

  /** Forgets ended leases whose rows are gone. */
  forget(callIds: readonly string[]): void {
    for (const callId of callIds) {
      const row = this.#ended.get(callId);
      if (!row) continue;
      this.#ended.delete(callId);
      const there = this.#endedAt.get(row.place);
      there?.delete(callId);
      if (there?.size === 0) this.#endedAt.delete(row.place);
      row.over.resolve();
    }
  }

  #delete(callIds: readonly string[]): void {
    for (const callId of callIds) {
      const row = this.#ended.get(callId);
      if (!row) continue;
      this.#deleteRow(row.number);
      this.forget([callId]);
    }
  }

  #deleteRow(number: number): void {
    this.#sql.exec('DELETE FROM leases WHERE number = ?', number);
  }
}

function placeOf({ backend }: CallRequest, endpoint: string): string {
  return `${backend}\n${endpoint}`;
}
