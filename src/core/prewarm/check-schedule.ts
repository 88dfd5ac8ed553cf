/**
 * When prewarming checks the endpoints: after a change on which a forecast may depend, once a second while
 * runs are in flight, and shortly before an endpoint goes cold. What a check does is in prewarm-checks.ts.
 */
import { nextCheckAt } from '../backends/holding-times.ts';
import type { PrewarmerView } from './prewarm-queries.ts';

/** Time between checks while runs are in flight, ms: needs change with time, not only by events. */
const PERIOD_MS = 1_000;
/** Minimum time between two checks, ms, however many events occur. */
const MIN_PERIOD_MS = 250;

export class CheckSchedule {
  /** When the next check is due, epoch ms; Infinity for never. */
  dueAt = Infinity;
  readonly #view: Pick<PrewarmerView, 'backends' | 'runs'>;
  #checkedAt = -Infinity;

  constructor(view: Pick<PrewarmerView, 'backends' | 'runs'>) {
    this.#view = view;
  }

  /** A check is due soon, after an event that a forecast may depend on. */
  soon(now: number): void {
    if (!this.#hasCandidates()) return;
    this.dueAt = Math.min(this.dueAt, Math.max(now, this.#checkedAt + MIN_PERIOD_MS));
  }

  /** A check is due at this time at the latest, epoch ms. */
  by(at: number): void {
    this.dueAt = Math.min(this.dueAt, at);
  }

  /** A check was made: the next one is due as time goes on. */
  checked(now: number): void {
    this.#checkedAt = now;
    this.dueAt = Infinity;
    if (this.#view.runs.size > 0 && this.#hasCandidates()) this.dueAt = now + PERIOD_MS;
    for (const backend of this.#view.backends.values()) {
      if (backend.spec.prewarm.mode === 'off') continue;
      for (const endpoint of backend.pool.list) {
        const at = nextCheckAt(endpoint, now);
        if (at > now) this.by(at);
      }
    }
  }

  /** Handles a clock that jumps back: no check runs late by the size of the jump. */
  clockWentBack(now: number): void {
    this.#checkedAt = Math.min(this.#checkedAt, now);
    if (Number.isFinite(this.dueAt)) this.dueAt = Math.min(this.dueAt, now + MIN_PERIOD_MS);
  }

  #hasCandidates(): boolean {
    for (const backend of this.#view.backends.values()) {
      const { spec, canGoCold, adapters } = backend;
      if (spec.prewarm.mode !== 'off' && (canGoCold || adapters.isUsed)) return true;
    }
    return false;
  }
}
