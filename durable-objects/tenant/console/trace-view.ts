/**
 * A tenant's newest recorded runs with its cluster, as JSON Lines for the simulator in the page: a
 * head, then a run a line in the order of their arrival. What is learned of speeds and starts is in
 * the head, as it is used at present.
 */
import type { Backend } from '../../../src/core/backends/backend.ts';
import type { Dispatcher } from '../../../src/core/dispatch/dispatcher.ts';
import type { TracedBackend, TracedRun, TraceHead } from '../../../src/protocol/console/trace.ts';
import { readTimes } from '../call-times.ts';
import type { TenantStore } from '../tenant-store.ts';
import type { OrderShown } from './line-view.ts';

/** Characters of a trace, which is one RPC answer. */
const MOST_CHARS = 8_000_000;

export interface TraceSource {
  readonly dispatcher: Dispatcher;
  readonly store: TenantStore;
  readonly order: OrderShown;
  readonly weights: Readonly<Record<string, number>>;
}

/** `limit`: runs at most; fewer where they are long. */
export function traceText(
  { dispatcher, store, order, weights }: TraceSource,
  limit: number,
): string {
  const runs: TracedRun[] = [];
  let chars = 0;
  for (const { record, finishedAt, learned, times, chars: length } of store.runSearch.newest({})) {
    if (runs.length >= limit || chars > MOST_CHARS) break;
    const ends = readTimes(times, record.arrival_ms).flatMap(({ endedAt }) => endedAt ?? []);
    const endedAt = ends.length > 0 ? Math.max(...ends) : finishedAt;
    chars += length;
    runs.push({ ...record, finished_ms: endedAt, ...(learned ? {} : { learned }) });
  }
  runs.sort((a, b) => a.arrival_ms - b.arrival_ms);
  const startMs = runs[0]?.arrival_ms ?? 0;
  const head: TraceHead = {
    talaria_trace: 1,
    startMs,
    policy: order.policy,
    alpha: order.alpha,
    weights,
    backends: [...dispatcher.backends.values()].filter((b) => !b.removed).map(tracedBackend),
  };
  const names = new Set<string>();
  const lines = runs.map((run, i) => {
    // Names are made unique within the trace, as in an export.
    const name = names.has(run.run) ? `${run.run}#${i}` : run.run;
    names.add(name);
    return JSON.stringify({
      ...run,
      run: name,
      arrival_ms: run.arrival_ms - startMs,
      finished_ms: (run.finished_ms ?? run.arrival_ms) - startMs,
    });
  });
  return `${[JSON.stringify(head), ...lines].join('\n')}\n`;
}

function tracedBackend(backend: Backend): TracedBackend {
  const { mode, theta, pricePerWarmSecond = null } = backend.spec.prewarm;
  return {
    backend: backend.name,
    speed: backend.speed.value,
    endpoints: [...backend.endpoints.values()].map(({ spec, coldStartMs, idleTimeoutMs }) => ({
      endpoint: spec.id,
      slots: Number.isFinite(spec.slots) ? spec.slots : null,
      coldStartMs: spec.coldStart ? coldStartMs : null,
      idleTimeoutMs: spec.coldStart && Number.isFinite(idleTimeoutMs) ? idleTimeoutMs : null,
    })),
    prewarm: { mode, theta, pricePerWarmSecond },
  };
}
