/**
 * Converts a simulation's result to the shared JSON format; fields that do not apply are left out.
 */
import type { SimResult } from './simulator.ts';
import { summarize } from './summary.ts';

/** `withPrefixes`: with the figures of several endpoints and their caches. */
export function resultOf(
  policy: string,
  result: SimResult,
  withRuns: boolean,
  withPrefixes = false,
): object {
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
      ...(withPrefixes ? prefixFields(result) : {}),
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

function prefixFields({ prefix, steady, heldMs, afterStarts, prefixReads }: SimResult): object {
  const { calls, firstTokenMeanMs, prefillMeanMs } = afterStarts;
  return {
    ...(calls > 0
      ? {
          after_start_calls: calls,
          after_start_first_token_mean_ms: firstTokenMeanMs,
          after_start_prefill_mean_ms: prefillMeanMs,
        }
      : {}),
    ...(prefixReads > 0 ? { prefix_reads: prefixReads } : {}),
    prefix_hit_ratio: prefix.hitRatio,
    first_token_mean_ms: prefix.firstTokenMeanMs,
    first_token_p95_ms: prefix.firstTokenP95Ms,
    steady_first_token_mean_ms: steady.firstTokenMeanMs,
    steady_first_token_p95_ms: steady.firstTokenP95Ms,
    held_ms: heldMs,
  };
}
