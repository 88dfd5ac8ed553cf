/**
 * An endpoint as the admin API and the metrics show it: its state and whether that is known or only
 * presumed, what was learned of it and from how much, and why its last requests failed. Only
 * formatting; field names are those of the API.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Endpoint } from '../../src/core/backends/endpoint.ts';
import type { LearnedTime } from '../../src/core/backends/endpoint-learning.ts';
import type { PlatformError } from '../../src/core/backends/endpoint-state.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';

/** What is known of an endpoint and since when; times are epoch ms. */
export function endpointView(endpoint: Endpoint, now: number): object {
  const { spec, learned, trust } = endpoint;
  const openUntil = endpoint.unavailableUntil(now);
  return {
    state: endpoint.state,
    presumed: endpoint.presumed,
    state_since: endpoint.stateSince,
    usable_slots: Number.isFinite(endpoint.usableSlots) ? endpoint.usableSlots : null,
    slots_limited_by: endpoint.slotsLimitedBy ?? null,
    circuit: trust.stateAt(now),
    circuit_open_until: openUntil > now ? openUntil : null,
    last_wake_error: errorView(endpoint.wakeError),
    last_release_error: errorView(endpoint.releaseError),
    // A platform lets it go cold by itself, or it is told to.
    goes_cold: spec.coldStart ? (spec.coldStart.releasable ? 'when-told' : 'by-itself') : 'never',
    cold_start: learned ? timeView(learned.coldStart) : null,
    idle_timeout: learned
      ? {
          ...timeView(learned.idleTimeout),
          warm_after_ms: learned.idleTimeout.warmAfterMs ?? null,
          cold_after_ms: learned.idleTimeout.coldAfterMs ?? null,
        }
      : null,
  };
}

function timeView({ ms, configuredMs, observations, lastAt }: LearnedTime): object {
  return { ms, configured_ms: configuredMs, observations, last_at: lastAt ?? null };
}

function errorView(error: PlatformError | undefined): object | null {
  return error ? { at: error.at, reason: error.reason } : null;
}

type Sample = readonly [label: string, value: number];

interface Gauge {
  readonly name: string;
  readonly help: string;
  /** Values, each with its label beside the endpoint's, or '' for none. */
  readonly of: (endpoint: Endpoint, now: number) => readonly Sample[];
}

const GAUGES: readonly Gauge[] = [
  {
    name: 'talaria_endpoint_state',
    help: 'The state of each endpoint as the label, and whether it is only presumed.',
    of: (e) => [[`state="${e.state}",presumed="${e.presumed}"`, 1]],
  },
  {
    name: 'talaria_endpoint_circuit_open',
    help: 'Whether calls are kept from the endpoint for its faults.',
    of: (e, now) => [['', e.trust.stateAt(now) === 'open' ? 1 : 0]],
  },
  {
    name: 'talaria_endpoint_cold_start_seconds',
    help: 'Time of a cold start: as it is used, and as it is configured.',
    of: ({ learned }) => (learned ? usedAndConfigured(learned.coldStart) : []),
  },
  {
    name: 'talaria_endpoint_idle_timeout_seconds',
    help: 'Time without calls after which it goes cold: as it is used, and as it is configured.',
    of: ({ learned }) => (learned ? usedAndConfigured(learned.idleTimeout) : []),
  },
  {
    name: 'talaria_endpoint_observations',
    help: 'Observations that the times come from.',
    of: ({ learned }) =>
      learned
        ? [
            ['of="cold_start"', learned.coldStart.observations],
            ['of="idle_timeout"', learned.idleTimeout.observations],
          ]
        : [],
  },
  {
    name: 'talaria_endpoint_last_error_timestamp_seconds',
    help: 'When a wake, or a release, last failed.',
    of: ({ wakeError, releaseError }) => [
      ...(wakeError ? [['of="wake"', wakeError.at / 1_000] as const] : []),
      ...(releaseError ? [['of="release"', releaseError.at / 1_000] as const] : []),
    ],
  },
];

function usedAndConfigured({ ms, configuredMs }: LearnedTime): readonly Sample[] {
  return [
    ['source="used"', ms / 1_000],
    ['source="configured"', configuredMs / 1_000],
  ];
}

/** The same as metrics, without the tenant's label, of the endpoints that can go cold. */
export function endpointMetrics(dispatcher: Dispatcher, now: number): object[] {
  const present = [...dispatcher.backends.values()].filter((b) => !b.removed && b.canGoCold);
  return GAUGES.map(({ name, help, of }) => ({
    name,
    type: 'gauge',
    help,
    samples: present.flatMap((backend) =>
      scaling(backend).flatMap((endpoint) =>
        of(endpoint, now).map(([label, value]) => ({
          labels: [
            `backend="${backend.name}"`,
            `endpoint="${escaped(endpoint.spec.id)}"`,
            ...(label === '' ? [] : [label]),
          ],
          value,
        })),
      ),
    ),
  }));
}

function scaling(backend: Backend): Endpoint[] {
  return [...backend.endpoints.values()].filter((e) => e.spec.coldStart && e.state !== 'draining');
}

/** An endpoint without a name is named by its URL. */
function escaped(label: string): string {
  return label.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`));
}
