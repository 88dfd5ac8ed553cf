/**
 * The adapters of a backend for its status and the metrics: what is loaded where, what loads take and
 * how they turned out. Only formatting; field names are those of the API.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Endpoint } from '../../src/core/backends/endpoint.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DailyAccount } from '../../src/core/prewarm/daily-accounts.ts';
import { countersOf, type Metric } from './prewarm-counters.ts';

/** The part of a backend's status; empty where it has no adapters. */
export function adaptersView({ adapters }: Backend): object {
  if (!adapters.isUsed) return {};
  const { observations, p95Ms } = adapters.learned;
  const { parked } = adapters;
  const waitingFor = parked.adapters.map((name) => [name, parked.waitingFor(name)] as const);
  return {
    adapters: {
      load_ms: adapters.loadMs,
      load_p95_ms: p95Ms,
      loads_measured: observations,
      waiting: parked.size,
      waiting_for: Object.fromEntries(waitingFor),
    },
  };
}

/** The part of an endpoint's. */
export function adaptersAt({ adapters }: Backend, endpoint: Endpoint, now: number): object {
  if (!adapters.isUsed) return {};
  const at = adapters.at(endpoint);
  const { loading, lastFailure } = at;
  return {
    adapters: {
      most: at.most,
      loaded: endpoint.state === 'warm' ? at.held : [],
      loading: loading
        ? { adapter: loading.adapter, cause: loading.cause, since: loading.at }
        : null,
      last_error: lastFailure
        ? {
            adapter: lastFailure.adapter,
            at: lastFailure.at,
            reason: lastFailure.reason,
            tried_again_at: lastFailure.until > now ? lastFailure.until : null,
          }
        : null,
    },
  };
}

const COUNTERS: readonly Metric[] = [
  {
    name: 'talaria_adapter_loads_total',
    type: 'counter',
    help: 'Loads of adapters by cause.',
    of: (c) => [
      ['cause="demand"', c.adapterLoads],
      ['cause="prewarm"', c.adapterPrewarms],
    ],
  },
  {
    name: 'talaria_adapter_unloads_total',
    type: 'counter',
    help: 'Adapters that made room for others.',
    of: (c) => [['', c.adapterUnloads]],
  },
  {
    name: 'talaria_adapter_outcomes_total',
    type: 'counter',
    help: 'Loads ahead of need by how they ended; of the failed ones all.',
    of: (c) => [
      ['outcome="used"', c.adapterUsed],
      ['outcome="late"', c.adapterLate],
      ['outcome="wasted"', c.adapterWasted],
      ['outcome="failed"', c.adapterFailed],
    ],
  },
  {
    name: 'talaria_adapter_waits_total',
    type: 'counter',
    help: 'Calls that waited until their adapter was loaded.',
    of: (c) => [['', c.adapterWaits]],
  },
  {
    name: 'talaria_adapter_wait_seconds_total',
    type: 'counter',
    help: 'How long they waited.',
    of: (c) => [['', c.adapterWaitMs / 1_000]],
  },
];

/** The counters of the backends that have adapters. */
export function adapterMetrics(dispatcher: Dispatcher, totals: readonly DailyAccount[]): object[] {
  const used = totals.filter(({ backend }) => dispatcher.backends.get(backend)?.adapters.isUsed);
  return used.length === 0 ? [] : countersOf(COUNTERS, used);
}
