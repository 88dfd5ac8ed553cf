/**
 * What the choice of endpoints by prefixes came to, for the status of a backend and the metrics. The
 * counts begin anew with each start of the object, as what is known of the caches does.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';

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

const COUNTERS = [
  ['input_tokens', 'Tokens of prompts whose prefixes were looked for.', 'inputTokens'],
  ['expected_tokens', 'Of these tokens, those expected in the caches.', 'expectedTokens'],
  ['reported_input_tokens', 'Tokens of prompts whose hits were reported.', 'reportedInputTokens'],
  ['reported_tokens', 'Of these tokens, those reported as cached.', 'reportedTokens'],
  ['held_ms', 'Time that a slot was free for calls held back for another.', 'heldMs'],
  ['saved_ms', 'Time that reading the expected tokens would have taken.', 'savedMs'],
] as const;

/** The counters of the backends that choose by prefixes. */
export function affinityMetrics(dispatcher: Dispatcher) {
  const backends = [...dispatcher.backends].filter(([, { placement }]) => placement.mode !== 'off');
  return COUNTERS.map(([name, help, field]) => ({
    name: `talaria_prefix_${name}_total`,
    type: 'counter',
    help,
    samples: backends.map(([backend, { placement }]) => ({
      labels: [`backend="${backend}"`],
      value: placement.totals[field],
    })),
  }));
}
