/**
 * The stored part of the endpoints' timelines: segments that have ended, for a week and at most
 * 2,000 of an endpoint. They are written with batches that are written anyway.
 */
import type { Segment } from '../../../src/core/backends/endpoint-state.ts';

export const TIMELINE_MS = 7 * 86_400_000;
export const SEGMENTS_KEPT = 2_000;
/** An endpoint's oldest segments are dropped once for so many new ones. */
const TRIM_EVERY = 100;

export interface EndpointSegment extends Segment {
  readonly backend: string;
  readonly endpoint: string;
}

export class TimelineStore {
  readonly #sql: SqlStorage;
  /** Segments that were added since the endpoint's oldest were last dropped. */
  readonly #added = new Map<string, number>();
  #expiredAt = -Infinity;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** To be called within a transaction. */
  add(segments: readonly EndpointSegment[], now: number): void {
    for (const { backend, endpoint, phase, paused, from, until } of segments) {
      this.#sql.exec(
        'INSERT OR REPLACE INTO timeline VALUES (?, ?, ?, ?, ?, ?)',
        ...[backend, endpoint, from, until, phase, paused ? 1 : 0],
      );
      const key = `${backend}\n${endpoint}`;
      const added = (this.#added.get(key) ?? TRIM_EVERY) + 1;
      this.#added.set(key, added > TRIM_EVERY ? 0 : added);
      if (added > TRIM_EVERY) this.#trim(backend, endpoint);
    }
    // Of endpoints that are gone, too; a look at all rows once a day of the object's life.
    if (segments.length > 0 && Math.abs(now - this.#expiredAt) >= 86_400_000) {
      this.#expiredAt = now;
      this.#sql.exec('DELETE FROM timeline WHERE until_at < ?', now - TIMELINE_MS);
    }
  }

  /** An endpoint's segments that lie in a time at least in part, in order, the newest 2,000. */
  of(backend: string, endpoint: string, from: number, to: number): Segment[] {
    const rows = this.#sql.exec(
      `SELECT from_at, until_at, phase, paused FROM timeline
       WHERE backend = ? AND endpoint = ? AND from_at <= ? AND until_at >= ?
       ORDER BY from_at DESC LIMIT ?`,
      ...[backend, endpoint, to, from, SEGMENTS_KEPT],
    );
    const segments = [...rows].map((row) => ({
      phase: String(row.phase) as Segment['phase'],
      ...(row.paused ? { paused: true } : {}),
      from: Number(row.from_at),
      until: Number(row.until_at),
    }));
    return segments.reverse();
  }

  /** Since when segments are kept at the earliest, epoch ms; undefined without any. */
  get since(): number | undefined {
    const [row] = this.#sql.exec('SELECT MIN(from_at) AS at FROM timeline');
    return row?.at === null || row?.at === undefined ? undefined : Number(row.at);
  }

  #trim(backend: string, endpoint: string): void {
    this.#sql.exec(
      `DELETE FROM timeline WHERE backend = ?1 AND endpoint = ?2 AND from_at <=
         (SELECT from_at FROM timeline WHERE backend = ?1 AND endpoint = ?2
          ORDER BY from_at DESC LIMIT 1 OFFSET ?3)`,
      ...[backend, endpoint, SEGMENTS_KEPT],
    );
  }
}
