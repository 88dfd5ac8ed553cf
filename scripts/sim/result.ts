/**
 * Converts a simulation's result to the shared JSON format; fields that do not apply are left out.
 */
import type { SimResult } from './simulator.ts';
import { summarize } from './summary.ts';

export function resultOf(policy: string, result: SimResult, withRuns: boolean): object {
  const { runs, coldStarts, coldWaitMs, warmMs, pings } = result;
  const done = runs.filter((r) => Number.isFinite(r.completedMs));
  const completions = done.map((r) => r.completedMs - r.run.arrival_ms);
  const deadlines = runs.filter((r) => r.run.deadline_ms !== undefined);
  const met = deadlines.filter((r) => r.completedMs - r.run.arrival_ms <= (r.run.deadline_ms ?? 0));
  return {
    policy,
    summary: {
      ...summarize(completions),
      ...(done.length < runs.length ? { failed: runs.length - done.length } : {}),
      ...(deadlines.length > 0 ? { deadlines_met: met.length / deadlines.length } : {}),
      ...(warmMs.size > 0
        ? {
            cold_starts: coldStarts,
            cold_wait_ms: coldWaitMs,
            warm_ms: Object.fromEntries(warmMs),
            pings,
          }
        : {}),
    },
    ...(withRuns
      ? {
          runs: runs.map(({ run, completedMs }) => ({
            run: run.run,
            app: run.app,
            arrival_ms: run.arrival_ms,
            completed_ms: Number.isFinite(completedMs) ? completedMs : null,
          })),
        }
      : {}),
  };
}
