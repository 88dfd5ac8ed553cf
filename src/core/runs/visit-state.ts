/** Where a run stands in one of its visits, as samples of earlier runs are looked up by it. */

/** What is known of a run at a state; it chooses the samples that resemble it. */
export interface Likeness {
  readonly fanOut: number;
  readonly fanOutBefore: number;
  readonly inputTokens: number;
  /** Work done before this visit, over all backends. */
  readonly beforeMs: number;
}

/** Where a run stands: at the n-th visit of a unit, with what is known of it. */
export interface VisitState extends Likeness {
  readonly unit: string;
  /** 1 for the first visit. */
  readonly visit: number;
}
