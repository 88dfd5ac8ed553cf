/**
 * The adapters of a backend for its status and the metrics: what is loaded where, what loads take and
 * how they turned out. Only formatting; field names are those of the API.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Endpoint } from '../../src/core/backends/endpoint.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { DailyAccount } from '../../src/core/prewarm/daily-accounts.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import type { Samples } from '../../src/protocol/metrics.ts';
import { countersOf, type ValuesOf } from './prewarm-view.ts';

/** The part of a backend's status; empty where it has no adapters. */
export function adaptersView({ adapters, adapterCalls }: Backend): object {
  if (!adapters.isUsed) return {};
  const { observations, p95Ms } = adapters.times.learned;
  const { parked } = adapterCalls;
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
  const { loading } = at;
  const lastFailure = at.failures.last;
  return {
    adapters: {
      most: at.most,
      loaded: endpoint.state === 'warm' ? at.held.names : [],
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

const COUNTERS = {
  talaria_adapter_loads_total: (c) => [
    ['demand', c.adapterLoads],
    ['prewarm', c.adapterPrewarms],
  ],
  talaria_adapter_unloads_total: (c) => [['', c.adapterUnloads]],
  talaria_adapter_outcomes_total: (c) => [
    ['used', c.adapterUsed],
    ['late', c.adapterLate],
    ['wasted', c.adapterWasted],
    ['failed', c.adapterFailed],
  ],
  talaria_adapter_waits_total: (c) => [['', c.adapterWaits]],
  talaria_adapter_wait_seconds_total: (c) => [['', c.adapterWaitMs / 1_000]],
} as const satisfies Partial<Record<MetricName, ValuesOf>>;

/** The counters of the backends that have adapters. */
export function adapterMetrics(dispatcher: Dispatcher, totals: readonly DailyAccount[]): Samples {
  const used = totals.filter(({ backend }) => dispatcher.backends.get(backend)?.adapters.isUsed);
  return countersOf(COUNTERS, used);
}
