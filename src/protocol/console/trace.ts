/**
 * The screen What if: a tenant's recorded runs and its cluster, for the simulator in the page.
 * `GET tenants/:t/trace?limit=` answers JSON Lines: a `TraceHead`, then a `TracedRun` a line, in the
 * order of their arrival. Conventions are in session.ts.
 */
import type { ArchivedRun } from '../archive.ts';

/** Runs in a trace where `limit` is absent, and at most: the newest. */
export const TRACE_RUNS = 1_000;
export const MOST_TRACE_RUNS = 5_000;

export interface TraceHead {
  readonly talaria_trace: 1;
  /** Epoch ms that the times of the runs count from. */
  readonly startMs: number;
  readonly policy: string;
  readonly alpha: number;
  readonly weights: Readonly<Record<string, number>>;
  readonly backends: readonly TracedBackend[];
}

export interface TracedBackend {
  readonly backend: string;
  /** Learned or configured: ms per token. */
  readonly speed: { readonly inputMs: number; readonly outputMs: number };
  readonly endpoints: ReadonlyArray<{
    readonly endpoint: string;
    /** Null for no limit. */
    readonly slots: number | null;
    /** Learned or configured; null where it never goes cold. */
    readonly coldStartMs: number | null;
    readonly idleTimeoutMs: number | null;
  }>;
  readonly prewarm: {
    readonly mode: 'off' | 'dry-run' | 'on';
    readonly theta: number;
    /** Null where none is configured. */
    readonly pricePerWarmSecond: number | null;
  };
}

/**
 * A recorded run in the trace format; `finished_ms` (from the same start) is what really happened.
 * Applications, runs and units have their names; there is nothing of a prompt.
 */
export type TracedRun = ArchivedRun;
