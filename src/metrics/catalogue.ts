/**
 * All metrics: name, type, labels (beside `tenant`) and help. docs/metrics.md has the same table, and
 * a test compares the two. Names follow Prometheus' conventions (base units, `_total`), and a released
 * name keeps its labels: objects and Workers of two versions meet during a deploy.
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

type Entry = readonly [type: 'counter' | 'gauge' | 'histogram', labels: string, help: string];

const COUNTED = {
  talaria_calls_total: ['counter', 'backend endpoint app outcome code', 'Calls that ended.'],
  talaria_call_duration_seconds: [
    'histogram',
    'backend app',
    'Arrival to the last byte, of calls that succeeded.',
  ],
  talaria_queue_duration_seconds: ['histogram', 'backend app', 'Arrival to the first slot.'],
  talaria_time_to_first_token_seconds: [
    'histogram',
    'backend app',
    'Arrival to the first byte of a streamed answer.',
  ],
  talaria_time_per_output_token_seconds: [
    'histogram',
    'backend app',
    'Time for each output token after the first.',
  ],
  talaria_input_tokens_total: ['counter', 'backend app', 'Input tokens that endpoints reported.'],
  talaria_cached_tokens_total: ['counter', 'backend app', 'Of these, tokens read from a cache.'],
  talaria_output_tokens_total: ['counter', 'backend app', 'Output tokens that endpoints reported.'],
  talaria_runs_finished_total: ['counter', 'app', 'Runs that ended.'],
  talaria_refusals_total: ['counter', 'key code', 'Requests that were refused, by API key.'],
  talaria_retries_total: ['counter', 'backend endpoint code', 'Failed attempts that were retried.'],
  talaria_leases_granted_total: ['counter', 'backend endpoint', 'Slots that were granted.'],
  talaria_leases_expired_total: ['counter', 'backend endpoint', 'Slots taken back from the lost.'],
  talaria_circuit_openings_total: ['counter', 'backend endpoint', 'Circuit breakers that opened.'],
  talaria_wakes_ended_total: ['counter', 'backend cause outcome', 'Wakes by how they turned out.'],
  talaria_forecast_expected_needs_total: [
    'counter',
    'backend',
    'Sum of the probabilities for which endpoints were woken ahead.',
  ],
  talaria_forecast_actual_needs_total: ['counter', 'backend', 'Of these wakes, those needed.'],
  talaria_object_steps_total: ['counter', '', 'Steps of the dispatcher.'],
  talaria_object_writes_total: ['counter', 'of', 'Writes to storage.'],
  talaria_object_write_failures_total: ['counter', 'of', 'Writes to storage that failed.'],
} as const satisfies Record<string, Entry>;

const STORED = {
  talaria_warm_seconds_total: ['counter', 'backend', 'Time that endpoints were warm or warming.'],
  talaria_warm_cost_total: ['counter', 'backend', 'Its price, at prewarm.pricePerWarmSecond.'],
  talaria_ping_seconds_total: ['counter', 'backend', 'Warm time of pings before they were used.'],
  talaria_wakes_total: ['counter', 'backend cause', 'Wakes by cause.'],
  talaria_pings_total: ['counter', 'backend outcome', 'Pings ahead of need by outcome.'],
  talaria_releases_total: ['counter', 'backend', 'Idle endpoints that were told to go cold.'],
  talaria_cold_waits_total: ['counter', 'backend kind', 'Waits for cold starts, and those spared.'],
  talaria_cold_wait_seconds_total: ['counter', 'backend kind', 'How long they were.'],
} as const satisfies Record<string, Entry>;

const OF_ADAPTERS = {
  talaria_adapter_loads_total: ['counter', 'backend cause', 'Loads of adapters by cause.'],
  talaria_adapter_unloads_total: ['counter', 'backend', 'Adapters that made room for others.'],
  talaria_adapter_outcomes_total: [
    'counter',
    'backend outcome',
    'Loads ahead of need by how they ended; of the failed ones all.',
  ],
  talaria_adapter_waits_total: ['counter', 'backend', 'Calls that waited for a load.'],
  talaria_adapter_wait_seconds_total: ['counter', 'backend', 'How long they waited.'],
} as const satisfies Record<string, Entry>;

const OF_PREFIXES = {
  talaria_prefix_calls_total: ['counter', 'backend', 'Calls placed by their prefix.'],
  talaria_prefix_input_tokens_total: ['counter', 'backend', 'Tokens of their prompts.'],
  talaria_prefix_expected_tokens_total: ['counter', 'backend', 'Of these, expected in caches.'],
  talaria_prefix_reported_input_tokens_total: [
    'counter',
    'backend',
    'Tokens of prompts whose hits were reported.',
  ],
  talaria_prefix_reported_tokens_total: ['counter', 'backend', 'Of these, reported as cached.'],
  talaria_prefix_held_seconds_total: ['counter', 'backend', 'Slots free for calls held back.'],
  talaria_prefix_saved_seconds_total: ['counter', 'backend', 'Prefill saved by expected hits.'],
  talaria_prefix_reads_total: ['counter', 'backend', 'Prefixes that endpoints read ahead.'],
  talaria_prefix_read_outcomes_total: ['counter', 'backend outcome', 'How these reads ended.'],
  talaria_prefix_read_seconds_total: ['counter', 'backend', 'How long they took.'],
  talaria_prefix_read_spared_seconds_total: ['counter', 'backend', 'Prefill that they spared.'],
} as const satisfies Record<string, Entry>;

const GAUGES = {
  talaria_calls_waiting: ['gauge', 'backend', 'Calls that wait.'],
  talaria_oldest_wait_seconds: ['gauge', 'backend', 'Time that the oldest of them has waited.'],
  talaria_expected_wait_seconds: ['gauge', 'backend', 'Wait expected of a call that comes now.'],
  talaria_calls_running: ['gauge', 'backend endpoint', 'Calls that have a slot.'],
  talaria_slots: ['gauge', 'backend endpoint', 'Configured slots.'],
  talaria_effective_slots: ['gauge', 'backend endpoint', 'Slots that the endpoint has shown.'],
  talaria_slots_in_use: ['gauge', 'backend endpoint', 'Slots that calls hold.'],
  talaria_runs_in_flight: ['gauge', '', 'Runs that have not ended.'],
  talaria_open_runs: ['gauge', 'key', 'Runs in flight that an API key opened.'],
  talaria_side_calls: ['gauge', 'key', 'Requests without a slot that run.'],
  talaria_endpoint_circuit_open: ['gauge', 'backend endpoint', 'Whether calls are kept from it.'],
  talaria_endpoint_state: ['gauge', 'backend endpoint state presumed', 'Its state, as a label.'],
  talaria_endpoint_cold_start_seconds: ['gauge', 'backend endpoint source', 'A cold start.'],
  talaria_endpoint_idle_timeout_seconds: [
    'gauge',
    'backend endpoint source',
    'Time without calls after which it goes cold.',
  ],
  talaria_endpoint_observations: ['gauge', 'backend endpoint of', 'What these times come from.'],
  talaria_endpoint_last_error_timestamp_seconds: [
    'gauge',
    'backend endpoint of',
    'When a wake, or a release, last failed.',
  ],
  talaria_object_start_time_seconds: ['gauge', '', 'When the object started, and counters were 0.'],
  talaria_object_database_bytes: ['gauge', '', 'Size of its database.'],
  talaria_bodies_in_hand: ['gauge', 'key', 'Bodies that this Worker holds.'],
  talaria_bodies_in_hand_bytes: ['gauge', 'key', 'Bytes of these bodies.'],
  talaria_uploads: ['gauge', 'key', 'Bodies that this Worker relays.'],
} as const satisfies Record<string, Entry>;

const OF_JOBS = {
  talaria_jobs_ended_total: ['counter', 'state', 'Jobs and lines of batches that ended.'],
  talaria_job_retries_total: ['counter', '', 'Attempts of jobs that were made again.'],
  talaria_jobs_unfinished: ['gauge', 'key', 'Jobs and lines of batches that have not ended.'],
  talaria_jobs_running: ['gauge', 'key', 'Of these, those whose calls wait or run.'],
  talaria_batches_unfinished: ['gauge', 'key', 'Batches that have not ended.'],
  talaria_job_files: ['gauge', 'key', 'Files that are kept.'],
  talaria_jobs_stored_bytes: ['gauge', 'key', 'Bytes of jobs, batches and files.'],
  talaria_job_webhooks_waiting: ['gauge', 'key', 'Webhooks that are not delivered yet.'],
} as const satisfies Record<string, Entry>;

const OF_SCRAPES = {
  talaria_up: ['gauge', '', "Whether the tenant's figures are in this answer."],
  talaria_last_figures_timestamp_seconds: ['gauge', 'of', 'When its figures were taken.'],
  talaria_metrics_shard_up: ['gauge', 'shard', 'Whether the shard of the register answered.'],
  talaria_metrics_tenants_omitted: ['gauge', '', 'Tenants that had no room in this answer.'],
} as const satisfies Record<string, Entry>;

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

/** Names of the counters that have the labels and no buckets. */
export type CounterName = {
  [N in MetricName]: (typeof CATALOGUE)[N][0] extends 'counter' ? N : never;
}[MetricName];

/** Labels of a metric, without the tenant's, in the order of the values in its samples. */
export function labelsOf(name: MetricName): readonly string[] {
  const labels: string = CATALOGUE[name][1];
  return labels === '' ? [] : labels.split(' ');
}
