/**
 * The screen Applications: what was learned of each application (its PDGraph), and its runs in
 * flight. Conventions are in session.ts.
 */

/** `GET tenants/:t/applications?q=&after=` */
export interface ApplicationsPage {
  readonly rows: readonly ApplicationRow[];
  readonly total: number;
  readonly after?: string;
}

export interface ApplicationRow {
  readonly app: string;
  readonly label?: string;
  /** Finished runs that it is known from; 0 where only runs in flight are. */
  readonly knownRuns: number;
  readonly units: number;
  readonly openRuns: number;
  /** Of those, runs with a call that waits or that holds a slot. */
  readonly waitingRuns: number;
  readonly runningRuns: number;
  /** When a run of it last ended; null where none is recorded. */
  readonly lastEndedAt: number | null;
  /** Weight in the order; 1 where none is configured. */
  readonly weight: number;
  /** Mean work of a run, ms, over all backends. */
  readonly meanWorkMs: number | null;
  /** From arrival to end, of the recorded runs; null without any. */
  readonly completion: Quantiles | null;
  /** Units whose demand shifted since the object started. */
  readonly driftAlarms: number;
}

/** In ms. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
}

/** `GET tenants/:t/applications/:app`; 404 where neither a model nor a run of it is known. */
export interface ApplicationView extends ApplicationRow {
  readonly nodes: readonly UnitNodeView[];
  readonly edges: readonly UnitEdgeView[];
  readonly ranks: readonly RankCurve[];
  readonly drifts: readonly DriftAlarm[];
  /** Runs in flight by unit, so that they can be drawn on the graph. */
  readonly live: readonly LiveInUnit[];
}

export interface UnitNodeView {
  readonly unit: string;
  readonly label?: string;
  /** `client` for a unit that the client executes itself. */
  readonly backend: string;
  readonly visits: number;
  /** Mean work of a visit in slot-ms at the backend's present speed; sizes the node. */
  readonly workMs: number;
  /** Calls of a visit that are made together. */
  readonly fanOut: Distribution;
  /** Of a call; null for a unit that is measured in time. */
  readonly inputTokens: Distribution | null;
  readonly outputTokens: Distribution | null;
  /** Of a call; for a unit that is measured in tokens, at the present speed. */
  readonly serviceMs: Distribution;
  /** From the end of a visit to the next one. */
  readonly gapMs: Distribution;
}

/** `from: null`: the run begins; `to: null`: it ends. */
export interface UnitEdgeView {
  readonly from: string | null;
  readonly to: string | null;
  readonly probability: number;
  readonly count: number;
}

/** Counts of values between neighbouring edges: one edge more than counts, rising. */
export interface Histogram {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly deviation: number;
  /** Null where single values are not kept. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly histogram: Histogram | null;
}

/** The Gittins rank of a run in a unit by the work that it had there; lower goes first. */
export interface RankCurve {
  readonly unit: string;
  readonly backend: string;
  /** From which the rank comes: whole-run samples, the graph, or the prior of the tenant. */
  readonly source: 'samples' | 'graph' | 'prior';
  readonly samples: number;
  /** At most 64 points: age and rank, both slot-ms. */
  readonly points: ReadonlyArray<{ readonly ageMs: number; readonly rankMs: number }>;
}

export interface DriftAlarm {
  readonly unit: string;
  readonly at: number;
  readonly of: 'input' | 'output';
  /** Means before and of the run that showed it: tokens, or ms of a unit measured in time. */
  readonly before: number;
  readonly now: number;
}

export interface LiveInUnit {
  readonly unit: string;
  readonly waiting: number;
  readonly running: number;
  /** Runs whose last visit this was, between two calls. */
  readonly between: number;
}

/** `PUT tenants/:t/applications/:app/weight`, admin only. Answers 204. */
export interface WeightOrder {
  /** Above 0; null for the default. */
  readonly weight: number | null;
}
