/**
 * All metrics: name and labels (beside `tenant`). docs/metrics.md has the same table, and a test
 * compares the two. Names follow Prometheus' conventions (base units, `_total` for counters alone), and
 * a released name keeps its labels: objects and Workers of two versions meet during a deploy. What each
 * means is in `help.ts`.
 */

/** Buckets of OpenTelemetry's GenAI semantic conventions (`gen_ai.server.*`), s. */
const REQUEST_DURATION = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const TIME_TO_FIRST_TOKEN = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
const TIME_PER_OUTPUT_TOKEN = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
];

/** Upper bounds of the buckets of each histogram, without the infinite one. */
export const BUCKETS = {
  talaria_call_duration_seconds: REQUEST_DURATION,
  talaria_queue_duration_seconds: REQUEST_DURATION,
  talaria_time_to_first_token_seconds: TIME_TO_FIRST_TOKEN,
  talaria_time_per_output_token_seconds: TIME_PER_OUTPUT_TOKEN,
} as const satisfies Record<string, readonly number[]>;

export type HistogramName = keyof typeof BUCKETS;

const COUNTED = {
  talaria_calls_total: 'backend endpoint app outcome code',
  talaria_call_duration_seconds: 'backend app',
  talaria_queue_duration_seconds: 'backend app',
  talaria_time_to_first_token_seconds: 'backend app',
  talaria_time_per_output_token_seconds: 'backend app',
  talaria_input_tokens_total: 'backend app',
  talaria_cached_tokens_total: 'backend app',
  talaria_output_tokens_total: 'backend app',
  talaria_runs_finished_total: 'app',
  talaria_refusals_total: 'key code',
  talaria_retries_total: 'backend endpoint code',
  talaria_leases_granted_total: 'backend endpoint',
  talaria_leases_expired_total: 'backend endpoint',
  talaria_circuit_openings_total: 'backend endpoint',
  talaria_wakes_ended_total: 'backend cause outcome',
  talaria_forecast_expected_needs_total: 'backend',
  talaria_forecast_actual_needs_total: 'backend',
  talaria_object_steps_total: '',
  talaria_object_writes_total: 'of',
  talaria_object_write_failures_total: 'of',
} as const satisfies Record<string, string>;

const STORED = {
  talaria_warm_seconds_total: 'backend',
  talaria_warm_cost_total: 'backend',
  talaria_ping_seconds_total: 'backend',
  talaria_wakes_total: 'backend cause',
  talaria_pings_total: 'backend outcome',
  talaria_releases_total: 'backend',
  talaria_cold_waits_total: 'backend kind',
  talaria_cold_wait_seconds_total: 'backend kind',
} as const satisfies Record<string, string>;

const OF_ADAPTERS = {
  talaria_adapter_loads_total: 'backend cause',
  talaria_adapter_unloads_total: 'backend',
  talaria_adapter_outcomes_total: 'backend outcome',
  talaria_adapter_waits_total: 'backend',
  talaria_adapter_wait_seconds_total: 'backend',
} as const satisfies Record<string, string>;

const OF_PREFIXES = {
  talaria_prefix_calls_total: 'backend',
  talaria_prefix_input_tokens_total: 'backend',
  talaria_prefix_expected_tokens_total: 'backend',
  talaria_prefix_reported_input_tokens_total: 'backend',
  talaria_prefix_reported_tokens_total: 'backend',
  talaria_prefix_held_seconds_total: 'backend',
  talaria_prefix_saved_seconds_total: 'backend',
  talaria_prefix_reads_total: 'backend',
  talaria_prefix_read_outcomes_total: 'backend outcome',
  talaria_prefix_read_seconds_total: 'backend',
  talaria_prefix_read_spared_seconds_total: 'backend',
} as const satisfies Record<string, string>;

const GAUGES = {
  talaria_calls_waiting: 'backend',
  talaria_oldest_wait_seconds: 'backend',
  talaria_expected_wait_seconds: 'backend',
  talaria_calls_running: 'backend endpoint',
  talaria_slots: 'backend endpoint',
  talaria_effective_slots: 'backend endpoint',
  talaria_slots_in_use: 'backend endpoint',
  talaria_runs_in_flight: '',
  talaria_open_runs: 'key',
  talaria_side_calls: 'key',
  talaria_endpoint_circuit_open: 'backend endpoint',
  talaria_endpoint_state: 'backend endpoint state presumed',
  talaria_endpoint_cold_start_seconds: 'backend endpoint source',
  talaria_endpoint_idle_timeout_seconds: 'backend endpoint source',
  talaria_endpoint_observations: 'backend endpoint of',
  talaria_endpoint_last_error_timestamp_seconds: 'backend endpoint of',
  talaria_object_start_time_seconds: '',
  talaria_object_database_bytes: '',
  talaria_bodies_in_hand: 'key',
  talaria_bodies_in_hand_bytes: 'key',
  talaria_uploads: 'key',
} as const satisfies Record<string, string>;

const OF_JOBS = {
  talaria_jobs_ended_total: 'state',
  talaria_job_retries_total: '',
  talaria_jobs_unfinished: 'key',
  talaria_jobs_running: 'key',
  talaria_batches_unfinished: 'key',
  talaria_job_files: 'key',
  talaria_jobs_stored_bytes: 'key',
  talaria_job_webhooks_waiting: 'key',
} as const satisfies Record<string, string>;

const OF_SCRAPES = {
  talaria_up: '',
  talaria_last_figures_timestamp_seconds: 'of',
  talaria_metrics_shard_up: 'shard',
  talaria_metrics_tenants_omitted: '',
} as const satisfies Record<string, string>;

export const CATALOGUE = {
  ...OF_SCRAPES,
  ...COUNTED,
  ...GAUGES,
  ...STORED,
  ...OF_ADAPTERS,
  ...OF_PREFIXES,
  ...OF_JOBS,
} as const;

export type MetricName = keyof typeof CATALOGUE;

/** Names of the counters. */
export type CounterName = Extract<MetricName, `${string}_total`>;

/** Prometheus' type of a metric. */
export function typeOf(name: MetricName): 'counter' | 'gauge' | 'histogram' {
  if (name in BUCKETS) return 'histogram';
  return name.endsWith('_total') ? 'counter' : 'gauge';
}

/** Labels of a metric, without the tenant's, in the order of the values in its samples. */
export function labelsOf(name: MetricName): readonly string[] {
  const labels: string = CATALOGUE[name];
  return labels === '' ? [] : labels.split(' ');
}
