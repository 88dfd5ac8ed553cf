/** The metrics of a tenant's object: what it has counted, what is stored, and how it is now. */
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { Figures } from '../../src/protocol/metrics.ts';
import { affinityMetrics } from './affinity-view.ts';
import type { CallCounters } from './call-counters.ts';
import { keyMetrics } from './keys-view.ts';
import { prewarmMetrics } from './prewarm-view.ts';
import { queueMetrics } from './queue-metrics.ts';
import type { SideCalls } from './side-calls.ts';
import type { TenantStore } from './tenant-store.ts';

export interface Counted {
  readonly dispatcher: Dispatcher;
  readonly store: TenantStore;
  readonly sideCalls: SideCalls;
  readonly counters: CallCounters;
}

export function figuresOf(
  { dispatcher, store, sideCalls, counters }: Counted,
  now: number,
): Figures {
  const { startedAt } = counters;
  return {
    startedAt,
    at: now,
    samples: {
      ...counters.samples(),
      ...prewarmMetrics(dispatcher, store.prewarm.totals()),
      ...affinityMetrics(dispatcher),
      ...queueMetrics(dispatcher, now),
      ...keyMetrics(dispatcher, sideCalls),
      talaria_object_start_time_seconds: [[[], startedAt / 1_000]],
      talaria_object_database_bytes: [[[], store.databaseBytes]],
    },
  };
}
