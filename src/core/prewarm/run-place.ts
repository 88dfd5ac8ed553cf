/** Where a run in flight is, as far as a forecast of its needs asks: its backend, and for how long. */
import type { Backend } from '../backends/backend.ts';
import type { LiveVisit } from '../runs/live-visit.ts';

/** What a forecast needs to know of a backend where runs are. */
export interface Place {
  readonly waitMs: number;
  /** When a call that was sent there before is served at the earliest, epoch ms. */
  readonly readyAt: number;
}

/** Of an unknown backend: no wait. */
export function placeOf(backend: Backend | undefined): Place {
  if (!backend) return { waitMs: 0, readyAt: -Infinity };
  return { waitMs: backend.waits.meanMs(), readyAt: backend.pool.servingFrom(-Infinity) };
}

/**
 * Samples count from the start of service. Service of a visit that waits begins after its expected
 * wait; that of a visit that was sent to a cold endpoint begins when the endpoint is up.
 */
export function elapsedMs(visit: LiveVisit, { waitMs, readyAt }: Place, now: number): number {
  if (visit.outstanding === 0) return now - (visit.servingSince ?? visit.startedAt);
  if (visit.servingSince === undefined) return -waitMs;
  return now - Math.max(visit.servingSince, readyAt);
}
