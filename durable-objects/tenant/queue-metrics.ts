/**
 * How queues and endpoints are at the moment, as gauges: what waits and runs, the slots, and what was
 * learned of endpoints that can go cold.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Endpoint } from '../../src/core/backends/endpoint.ts';
import type { LearnedTime } from '../../src/core/backends/endpoint-learning.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import type { Sample, Samples } from '../../src/protocol/metrics.ts';

const OF_BACKEND = {
  talaria_calls_waiting: (b) => b.waiting,
  talaria_oldest_wait_seconds: (b, now) => oldestWaitMs(b, now) / 1_000,
  talaria_expected_wait_seconds: (b, now) => b.waits.lastMs(now) / 1_000,
} as const satisfies Partial<Record<MetricName, (backend: Backend, now: number) => number>>;

/** Values, each with its labels beside those of backend and endpoint. */
type ValuesOf = (
  endpoint: Endpoint,
  now: number,
) => ReadonlyArray<readonly [value: number, ...labels: string[]]>;

const OF_ENDPOINT = {
  talaria_calls_running: (e) => [[e.slots.calls]],
  talaria_slots: (e) => [[e.spec.slots]],
  talaria_effective_slots: (e) => [[e.slots.usable]],
  talaria_slots_in_use: (e) => [[e.slots.concurrency]],
  talaria_endpoint_circuit_open: (e, now) => [[e.trust.stateAt(now) === 'open' ? 1 : 0]],
} as const satisfies Partial<Record<MetricName, ValuesOf>>;

/** Only of endpoints that can go cold. */
const OF_COLD_ENDPOINT = {
  talaria_endpoint_state: (e) => [[1, e.state, String(e.presumed)]],
  talaria_endpoint_cold_start_seconds: ({ learning: { learned } }) =>
    learned ? usedAndConfigured(learned.coldStart) : [],
  talaria_endpoint_idle_timeout_seconds: ({ learning: { learned } }) =>
    learned ? usedAndConfigured(learned.idleTimeout) : [],
  talaria_endpoint_observations: ({ learning: { learned } }) =>
    learned
      ? [
          [learned.coldStart.observations, 'cold_start'],
          [learned.idleTimeout.observations, 'idle_timeout'],
        ]
      : [],
  talaria_endpoint_last_error_timestamp_seconds: ({ wakes, release }) => [
    ...(wakes.error ? [[wakes.error.at / 1_000, 'wake'] as const] : []),
    ...(release.error ? [[release.error.at / 1_000, 'release'] as const] : []),
  ],
} as const satisfies Partial<Record<MetricName, ValuesOf>>;

function usedAndConfigured({ ms, configuredMs }: LearnedTime): ReturnType<ValuesOf> {
  return [
    [ms / 1_000, 'used'],
    [configuredMs / 1_000, 'configured'],
  ];
}

export function queueMetrics(dispatcher: Dispatcher, now: number): Samples {
  const backends = [...dispatcher.backends.values()].filter((b) => !b.removed);
  const samples: Record<string, Sample[]> = {
    talaria_runs_in_flight: [[[], dispatcher.register.runs.size]],
  };
  for (const [name, gaugeOf] of Object.entries(OF_BACKEND)) {
    samples[name] = backends.map((b) => [[b.name], gaugeOf(b, now)]);
  }
  const all = backends.flatMap((b) => [...b.endpoints.values()].map((e) => [b.name, e] as const));
  // Of one that is taken away only what still runs there counts.
  const present = all.filter(([, e]) => e.state !== 'draining');
  const cold = present.filter(([, e]) => e.spec.coldStart);
  const addAll = (metrics: Record<string, ValuesOf>, endpoints: typeof all) => {
    for (const [name, valuesOf] of Object.entries(metrics)) {
      samples[name] = endpoints.flatMap(([backend, endpoint]) =>
        valuesOf(endpoint, now).map(
          ([value, ...labels]): Sample => [[backend, endpoint.spec.id, ...labels], value],
        ),
      );
    }
  };
  const { talaria_calls_running, ...ofPresent } = OF_ENDPOINT;
  addAll({ talaria_calls_running }, all);
  addAll(ofPresent, present);
  addAll(OF_COLD_ENDPOINT, cold);
  return samples;
}

function oldestWaitMs(backend: Backend, now: number): number {
  let oldest = now;
  for (const { request } of backend.waitingCalls()) oldest = Math.min(oldest, request.arrivedAt);
  return now - oldest;
}
