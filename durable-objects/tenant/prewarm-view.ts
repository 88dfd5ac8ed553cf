/**
 * Prewarming as the admin API and the metrics show it; field names are those of the API. Only
 * formatting: decisions and accounts are in src/core/prewarm, stored accounts in prewarm-store.ts.
 */
import type { BudgetLimits } from '../../src/core/backends/backend-spec.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DailyAccount, DailyCounts } from '../../src/core/prewarm/daily-accounts.ts';
import type { BackendOutlook } from '../../src/core/prewarm/prewarm-outlook.ts';
import { countersOf, type Metric } from './prewarm-counters.ts';

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

const COUNTERS: readonly Metric[] = [
  {
    name: 'talaria_warm_seconds_total',
    type: 'counter',
    help: 'Time that endpoints which scale to zero were warm or warming.',
    of: (c) => [['', c.warmMs / 1_000]],
  },
  {
    name: 'talaria_warm_cost_total',
    type: 'counter',
    help: 'The same in money, at prewarm.pricePerWarmSecond.',
    of: (c) => [['', c.money]],
  },
  {
    name: 'talaria_ping_seconds_total',
    type: 'counter',
    help: 'Warm time that pings ahead of need caused before they were used.',
    of: (c) => [['', c.pingMs / 1_000]],
  },
  {
    name: 'talaria_wakes_total',
    type: 'counter',
    help: 'Wakes by cause.',
    of: (c) => [
      ['cause="demand"', c.demandWakes],
      ['cause="prewarm"', c.prewarms],
      ['cause="keep-warm"', c.keepWarms],
    ],
  },
  {
    name: 'talaria_pings_total',
    type: 'counter',
    help: 'Pings ahead of need by how they ended; over-budget ones were not made.',
    of: (c) => [
      ['outcome="used"', c.used],
      ['outcome="late"', c.late],
      ['outcome="wasted"', c.wasted],
      ['outcome="failed"', c.failed],
      ['outcome="over-budget"', c.overBudget],
    ],
  },
  {
    name: 'talaria_releases_total',
    type: 'counter',
    help: 'Idle endpoints that were told to go cold.',
    of: (c) => [['', c.releases]],
  },
  {
    name: 'talaria_cold_waits_total',
    type: 'counter',
    help: 'Calls that waited for a cold start, and first calls that a ping spared one.',
    of: (c) => [
      ['kind="suffered"', c.coldWaits],
      ['kind="avoided"', c.avoidedWaits],
    ],
  },
  {
    name: 'talaria_cold_wait_seconds_total',
    type: 'counter',
    help: 'How long they waited, or would have.',
    of: (c) => [
      ['kind="suffered"', c.coldWaitMs / 1_000],
      ['kind="avoided"', c.avoidedMs / 1_000],
    ],
  },
];

/**
 * The metrics, without the tenant's label. Backends that are no longer configured are
 * left out.
 */
export function prewarmMetrics(dispatcher: Dispatcher, totals: readonly DailyAccount[]): object[] {
  const present = totals.filter(({ backend }) => dispatcher.backends.has(backend));
  return countersOf(COUNTERS, present);
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
