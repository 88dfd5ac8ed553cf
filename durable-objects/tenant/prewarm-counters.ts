/**
 * Counters of the metrics that come from the stored accounts of prewarming, as prewarm-view.ts and
 * adapter-view.ts list them. Only formatting.
 */
import type { DailyAccount, DailyCounts } from '../../src/core/prewarm/daily-accounts.ts';

/** One of the tenant's counters, by backend. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Values, each with its label beside the backend's, or '' for none. */
  readonly of: (counts: DailyCounts) => ReadonlyArray<readonly [string, number]>;
}

/** The samples of counters. */
export function countersOf(counters: readonly Metric[], totals: readonly DailyAccount[]): object[] {
  return counters.map(({ name, type, help, of }) => ({
    name,
    type,
    help,
    samples: totals.flatMap(({ backend, counts }) =>
      of(counts).map(([label, value]) => ({
        labels: [`backend="${backend}"`, ...(label === '' ? [] : [label])],
        value,
      })),
    ),
  }));
}
