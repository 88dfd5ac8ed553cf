/**
 * A run's state in one of its visits: the key by which samples of earlier runs are looked up. The
 * visit itself, with its calls, is in live-visit.ts.
 */

/** Features of a run at a visit, by which the nearest samples are chosen. */
export interface Likeness {
  /** Calls of this visit. */
  readonly fanOut: number;
  /** Calls of the run's earlier visits. */
  readonly fanOutBefore: number;
  /** Largest input of this visit's calls, tokens. */
  readonly inputTokens: number;
  /** Work done before this visit, over all backends, ms. */
  readonly beforeMs: number;
}

/** The n-th visit of a unit, with its features. */
export interface VisitState extends Likeness {
  readonly unit: string;
  /** 1 for the first visit. */
  readonly visit: number;
}
