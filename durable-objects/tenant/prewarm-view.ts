/**
 * Prewarming as the admin API and the metrics show it; field names are those of the API. Only
 * formatting: decisions and accounts are in src/core/prewarm, stored accounts in prewarm-store.ts.
 */
import type { BudgetLimits } from '../../src/core/backends/backend-spec.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DailyAccount, DailyCounts } from '../../src/core/prewarm/daily-accounts.ts';
import type { BackendOutlook } from '../../src/core/prewarm/prewarm-outlook.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import type { Sample, Samples } from '../../src/protocol/metrics.ts';

/** What one backend's warm endpoints cost and brought on one day. */
export function dayView({ day, backend, counts }: DailyAccount): object {
  return {
    day,
    backend,
    warm_seconds: seconds(counts.warmMs),
    money: counts.money,
    ping_seconds: seconds(counts.pingMs),
    wakes: {
      demand: counts.demandWakes,
      prewarm: counts.prewarms,
      'keep-warm': counts.keepWarms,
    },
    pings: {
      used: counts.used,
      late: counts.late,
      wasted: counts.wasted,
      failed: counts.failed,
      'over-budget': counts.overBudget,
    },
    releases: counts.releases,
    cold_waits: { suffered: counts.coldWaits, avoided: counts.avoidedWaits },
    cold_wait_seconds: { suffered: seconds(counts.coldWaitMs), avoided: seconds(counts.avoidedMs) },
    ...adapterDay(counts),
  };
}

/**
 * What prewarming would decide for a backend now, why, and what its budgets still allow. `known`: what
 * is known of an endpoint, by its id.
 */
export function outlookView(outlook: BackendOutlook, known: (id: string) => object): object {
  const { coldStartMs, arrivals, ratePerSec, left, endpoints, ...rest } = outlook;
  return {
    ...rest,
    endpoints: endpoints.map((endpoint) => ({ ...endpoint, ...known(endpoint.endpoint) })),
    cold_start_ms: coldStartMs,
    arrival_probability: arrivals,
    arrivals_per_second: ratePerSec,
    budget_left: { backend: limitsView(left.backend), tenant: limitsView(left.tenant) },
  };
}

function limitsView({ warmMs, money }: BudgetLimits): object {
  return { warm_seconds: warmMs === undefined ? null : seconds(warmMs), money: money ?? null };
}

/** The values of a metric of a backend, each with its label beside the backend's, or '' for none. */
export type ValuesOf = (
  counts: DailyCounts,
) => ReadonlyArray<readonly [label: string, value: number]>;

const COUNTERS = {
  talaria_warm_seconds_total: (c) => [['', c.warmMs / 1_000]],
  talaria_warm_cost_total: (c) => [['', c.money]],
  talaria_ping_seconds_total: (c) => [['', c.pingMs / 1_000]],
  talaria_wakes_total: (c) => [
    ['demand', c.demandWakes],
    ['prewarm', c.prewarms],
    ['keep-warm', c.keepWarms],
  ],
  talaria_pings_total: (c) => [
    ['used', c.used],
    ['late', c.late],
    ['wasted', c.wasted],
    ['failed', c.failed],
    ['over-budget', c.overBudget],
  ],
  talaria_releases_total: (c) => [['', c.releases]],
  talaria_cold_waits_total: (c) => [
    ['suffered', c.coldWaits],
    ['avoided', c.avoidedWaits],
  ],
  talaria_cold_wait_seconds_total: (c) => [
    ['suffered', c.coldWaitMs / 1_000],
    ['avoided', c.avoidedMs / 1_000],
  ],
} as const satisfies Partial<Record<MetricName, ValuesOf>>;

/** The stored accounts as metrics. Backends that are no longer configured are left out. */
export function prewarmMetrics(dispatcher: Dispatcher, totals: readonly DailyAccount[]): Samples {
  const present = totals.filter(({ backend }) => dispatcher.backends.has(backend));
  return countersOf(COUNTERS, present);
}

/** The samples of such metrics. */
export function countersOf(
  counters: Readonly<Record<string, ValuesOf>>,
  present: readonly DailyAccount[],
): Samples {
  return Object.fromEntries(
    Object.entries<ValuesOf>(counters).map(([name, valuesOf]) => [
      name,
      present.flatMap(({ backend, counts }) =>
        valuesOf(counts).map(
          ([label, value]): Sample => [label === '' ? [backend] : [backend, label], value],
        ),
      ),
    ]),
  );
}

/** The adapters' part of a day; empty where nothing was loaded. */
function adapterDay(counts: DailyCounts): object {
  const { adapterLoads, adapterPrewarms, adapterFailed, adapterWaits } = counts;
  if (adapterLoads + adapterPrewarms + adapterFailed + adapterWaits === 0) return {};
  return {
    adapters: {
      loads: { demand: adapterLoads, prewarm: adapterPrewarms },
      unloads: counts.adapterUnloads,
      outcomes: {
        used: counts.adapterUsed,
        late: counts.adapterLate,
        wasted: counts.adapterWasted,
        failed: adapterFailed,
      },
      waits: adapterWaits,
      wait_seconds: seconds(counts.adapterWaitMs),
    },
  };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
