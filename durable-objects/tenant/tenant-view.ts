/**
 * The views of a tenant for the admin API: application graphs, status, prewarming. Each is text that
 * is made here and passed on unchanged. Finished runs are in runs-view.ts, metrics in tenant-metrics.ts.
 */
import type { Backend } from '../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../src/core/dispatch/dispatcher.ts';
import type { ViewName } from '../../src/protocol/tenant.ts';
import { adaptersAt, adaptersView } from './adapter-view.ts';
import { affinityView } from './affinity-view.ts';
import { endpointView } from './endpoint-view.ts';
import { keysView } from './keys-view.ts';
import { prefixDay, prefixesView } from './prefix-view.ts';
import { dayView, outlookView } from './prewarm-view.ts';
import type { SideCalls } from './side-calls.ts';
import type { TenantStore } from './tenant-store.ts';

const WAKES_SHOWN = 200;

/** What a view is made from. */
interface Viewed {
  readonly dispatcher: Dispatcher;
  readonly store: TenantStore;
  readonly sideCalls: SideCalls;
  readonly app: string | undefined;
  readonly now: number;
}

type View = (viewed: Viewed) => string;

export const VIEWS = {
  /** What was learned of each application. */
  pdgraph: ({ dispatcher, app }) =>
    JSON.stringify({
      applications: [...dispatcher.models.all()]
        .filter((model) => app === undefined || model.app === app)
        .map((model) => model.view()),
    }),

  /** What waits and runs now. */
  status: ({ dispatcher, sideCalls, now }) =>
    JSON.stringify({
      runs_in_flight: dispatcher.register.runs.size,
      keys: keysView(dispatcher, sideCalls),
      backends: Object.fromEntries(
        [...dispatcher.backends].map(([name, backend]) => {
          const prefixes = prefixesView(backend, dispatcher);
          return [name, { ...statusOf(backend, now), ...prefixes }];
        }),
      ),
    }),

  /** What prewarming would do now and why, what it cost, and how the newest wakes turned out. */
  prewarm: ({ dispatcher, store, now }) =>
    JSON.stringify({
      backends: dispatcher.prewarmOutlook(now).map((outlook) => {
        const { endpoints } = dispatcher.backends.get(outlook.backend) ?? {};
        return outlookView(outlook, (id) => {
          const endpoint = endpoints?.get(id);
          return endpoint ? endpointView(endpoint, now) : {};
        });
      }),
      days: store.prewarm.days().map((day) => ({ ...dayView(day), ...prefixDay(day.counts) })),
      wakes: store.prewarm.wakes(WAKES_SHOWN),
    }),
} as const satisfies Record<ViewName, View>;

function statusOf(backend: Backend, now: number) {
  return {
    waiting: backend.waiting,
    waiting_by_key: Object.fromEntries(
      [...backend.queue.keys].map((key) => [key, backend.queue.waitingOf(key)]),
    ),
    running: backend.runningCalls().size,
    expected_wait_ms: backend.waits.lastMs(now),
    speed: backend.speed.value,
    speed_by_model: Object.fromEntries(backend.speed.byModel()),
    affinity: affinityView(backend),
    ...adaptersView(backend),
    endpoints: [...backend.endpoints].map(([endpoint, e]) => ({
      endpoint,
      ...endpointView(e, now),
      ...adaptersAt(backend, e, now),
      slots: e.spec.slots,
      running: e.slots.calls,
      slots_in_use: e.slots.concurrency,
      cold_start_ms: e.coldStartMs,
      idle_timeout_ms: Number.isFinite(e.idleTimeoutMs) ? e.idleTimeoutMs : null,
    })),
  };
}
