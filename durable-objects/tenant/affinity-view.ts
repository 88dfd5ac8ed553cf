/**
 * What the choice of endpoints by prefixes came to, for the status of a backend and the metrics. The
 * counts begin anew with each start of the object, as what is known of the caches does.
 */
import type { AffinityTotals } from '../../src/core/affinity/affinity-totals.ts';
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import type { Sample, Samples } from '../../src/protocol/metrics.ts';

/** The part of a backend's status; field names are those of the API. */
export function affinityView({ placement }: Backend) {
  const { mode, totals } = placement;
  if (mode === 'off') return { mode };
  return {
    mode,
    calls: totals.calls,
    expected_hit_ratio: ratio(totals.expectedTokens, totals.inputTokens),
    reported_hit_ratio: ratio(totals.reportedTokens, totals.reportedInputTokens),
    held_ms: Math.round(totals.heldMs),
    saved_ms: Math.round(totals.savedMs),
  };
}

/** Null where nothing was counted. */
function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

const COUNTERS = {
  talaria_prefix_calls_total: (t) => t.calls,
  talaria_prefix_input_tokens_total: (t) => t.inputTokens,
  talaria_prefix_expected_tokens_total: (t) => t.expectedTokens,
  talaria_prefix_reported_input_tokens_total: (t) => t.reportedInputTokens,
  talaria_prefix_reported_tokens_total: (t) => t.reportedTokens,
  talaria_prefix_held_seconds_total: (t) => t.heldMs / 1_000,
  talaria_prefix_saved_seconds_total: (t) => t.savedMs / 1_000,
} as const satisfies Partial<Record<MetricName, (totals: AffinityTotals) => number>>;

/** The counters of the backends that choose by prefixes. */
export function affinityMetrics(dispatcher: Dispatcher): Samples {
  const backends = [...dispatcher.backends].filter(([, { placement }]) => placement.mode !== 'off');
  return Object.fromEntries(
    Object.entries(COUNTERS).map(([name, countOf]) => [
      name,
      backends.map(([backend, { placement }]): Sample => [[backend], countOf(placement.totals)]),
    ]),
  );
}
