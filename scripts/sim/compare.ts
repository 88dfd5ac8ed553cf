/**
 * Compares several policies on one trace over several seeds: means with 95 % confidence intervals.
 */
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';
import type { Cluster } from './cluster.ts';
import { meanInterval } from './confidence.ts';
import { type SimOptions, simulate } from './simulator.ts';
import { type CompletionSummary, summarize } from './summary.ts';

const COLUMNS = ['mean_ms', 'p50_ms', 'p95_ms', 'p99_ms'] as const;

export function compare(
  trace: readonly RecordedRun[],
  cluster: Cluster,
  options: Omit<SimOptions, 'policy'>,
  policies: ReadonlyArray<SimOptions['policy']>,
  seeds: number,
): string {
  const head = ['policy', ...COLUMNS.map((c) => `${c.replace('_ms', '')} s`)];
  const rows = policies.map((policy, i) => {
    showProgress(i, policies.length);
    const summaries = Array.from({ length: Math.max(1, seeds) }, (_, s) => {
      const seed = options.seed + s;
      const { runs } = simulate(trace, cluster, { ...options, policy, seed });
      return summarize(runs.map((r) => r.completedMs - r.run.arrival_ms));
    });
    return [policy, ...COLUMNS.map((column) => interval(summaries, column))];
  });
  showProgress(policies.length, policies.length);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((r) => r[i]?.length ?? 0)));
  return [head, ...rows]
    .map((row) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '))
    .join('\n');
}

function interval(
  summaries: readonly CompletionSummary[],
  column: (typeof COLUMNS)[number],
): string {
  const { mean, error } = meanInterval(summaries.map((s) => s[column] / 1000));
  return error === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ±${error.toFixed(1)}`;
}

export function showProgress(done: number, all: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(done < all ? `\rpolicy ${done + 1} of ${all}` : '\r\x1b[K');
}
