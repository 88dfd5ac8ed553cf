/**
 * What one finished run teaches of a state, and how it is a row of that state's table
 * (sample-table.ts).
 *
 * A row: calls of this visit, calls before it, input tokens of its largest call, work before it in
 * ms; the time in ms from this visit's submission to the end of a run that never waits; then for
 * each backend of the application the input and output that the run still asked of it, this visit
 * included, and the time in ms from this visit's submission until the backend was needed.
 */
import type { Demand } from '../runs/demand.ts';
import type { Likeness } from '../runs/visit-state.ts';

export const FEATURES = 4;
/** Columns before the backends': the features and the critical path. */
export const HEAD_COLUMNS = FEATURES + 1;
export const BACKEND_COLUMNS = 3;

/** Bytes of one sample of an application with `backends` backends. */
export function bytesPerSample(backends: number): number {
  return 2 * (HEAD_COLUMNS + backends * BACKEND_COLUMNS);
}

/** What a run still asked of a backend; `needMs` is from the visit's submission, or Infinity. */
export interface BackendShare {
  readonly remaining: Demand;
  readonly needMs: number;
}

export interface VisitSample extends Likeness {
  /** From the visit's submission to the end of a run that never waits, ms. */
  readonly pathMs: number;
  /** By the application's backend index. */
  readonly shares: readonly BackendShare[];
}
