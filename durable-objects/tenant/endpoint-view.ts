/**
 * An endpoint as the admin API shows it: its state and whether that is known or only
 * presumed, what was learned of it and from how much, and why its last requests failed. Only
 * formatting; field names are those of the API. The metrics are in queue-metrics.ts.
 */
import type { Endpoint } from '../../src/core/backends/endpoint.ts';
import type { LearnedTime } from '../../src/core/backends/endpoint-learning.ts';
import type { PlatformError } from '../../src/core/backends/endpoint-state.ts';

/** What is known of an endpoint and since when; times are epoch ms. */
export function endpointView(endpoint: Endpoint, now: number): object {
  const {
    spec,
    learning: { learned },
    trust,
  } = endpoint;
  const openUntil = trust.openUntil(now);
  return {
    state: endpoint.state,
    presumed: endpoint.presumed,
    state_since: endpoint.stateSince,
    paused_since: endpoint.pausedAt ?? null,
    let_go: endpoint.letGo,
    usable_slots: Number.isFinite(endpoint.slots.usable) ? endpoint.slots.usable : null,
    slots_limited_by: endpoint.slots.limitedBy ?? null,
    circuit: trust.stateAt(now),
    circuit_open_until: openUntil > now ? openUntil : null,
    last_wake_error: errorView(endpoint.wakes.error),
    last_release_error: errorView(endpoint.release.error),
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
