/** Summarises completion times: mean and percentiles. */

export interface CompletionSummary {
  readonly runs: number;
  readonly mean_ms: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
}

export function summarize(completionsMs: readonly number[]): CompletionSummary {
  const sorted = [...completionsMs].sort((a, b) => a - b);
  return {
    runs: sorted.length,
    mean_ms: sorted.reduce((sum, v) => sum + v, 0) / Math.max(1, sorted.length),
    p50_ms: percentile(sorted, 0.5),
    p95_ms: percentile(sorted, 0.95),
    p99_ms: percentile(sorted, 0.99),
  };
}

/** The smallest value with at least `share` of the values at or below it. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
