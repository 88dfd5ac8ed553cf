/**
 * Prefixes that endpoints read ahead, for the status of a backend, the days of prewarming and the
 * metrics: numbers only, never a text. Field names are those of the API.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DailyAccount, DailyCounts } from '../../src/core/prewarm/daily-accounts.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import type { Samples } from '../../src/protocol/metrics.ts';
import { countersOf, type ValuesOf } from './prewarm-view.ts';

/** The part of a backend's status; empty where it reads none. */
export function prefixesView({ name, spec }: Backend, dispatcher: Dispatcher): object {
  if (!spec.prewarm.prefix) return {};
  const kept = [...dispatcher.keptPrefixes].filter(({ backend }) => backend === name);
  const tokens = kept.map(({ chain }) => chain.at(-1)?.tokens ?? 0);
  return { prefixes: { kept: kept.length, tokens } };
}

const COUNTERS = {
  talaria_prefix_reads_total: (c) => [['', c.prefixReads]],
  talaria_prefix_read_outcomes_total: (c) => [
    ['used', c.prefixUsed],
    ['late', c.prefixLate],
    ['wasted', c.prefixWasted],
    ['failed', c.prefixFailed],
  ],
  talaria_prefix_read_seconds_total: (c) => [['', c.prefixReadMs / 1_000]],
  talaria_prefix_read_spared_seconds_total: (c) => [['', c.prefixSparedMs / 1_000]],
} as const satisfies Partial<Record<MetricName, ValuesOf>>;

/** The counters of the backends that read prefixes. */
export function prefixMetrics(dispatcher: Dispatcher, totals: readonly DailyAccount[]): Samples {
  const isReading = (name: string) => dispatcher.backends.get(name)?.spec.prewarm.prefix;
  return countersOf(
    COUNTERS,
    totals.filter(({ backend }) => isReading(backend)),
  );
}

/** The part of a day; empty where nothing was read. */
export function prefixDay(counts: DailyCounts): object {
  if (counts.prefixReads + counts.prefixWasted === 0) return {};
  return {
    prefixes: {
      reads: counts.prefixReads,
      outcomes: {
        used: counts.prefixUsed,
        late: counts.prefixLate,
        wasted: counts.prefixWasted,
        failed: counts.prefixFailed,
      },
      read_seconds: counts.prefixReadMs / 1_000,
      spared_seconds: counts.prefixSparedMs / 1_000,
    },
  };
}
