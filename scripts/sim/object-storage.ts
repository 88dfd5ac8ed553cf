/**
 * The storage of the tenant's object in a simulation: what is stored of a dispatcher, and a new one
 * from that after its process died. As at the edge, leases are stored when they are granted, and the
 * rest in batches, of which the last may be some seconds old.
 */
import { type BackendSnapshot, snapshotOf } from '../../src/core/backends/backend-snapshot.ts';
import type { DispatchEvent, Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher, DispatcherOptions } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import {
  restoredDispatcher,
  type StoredDispatcher,
} from '../../src/core/dispatch/restored-dispatcher.ts';
import type { StoredRun } from '../../src/core/learning/application-models.ts';
import type { DailyAccount } from '../../src/core/prewarm/daily-accounts.ts';
import type { CallRequest } from '../../src/core/runs/call-request.ts';

/** Finished runs that are read in one step after a restart, and how long after the one before, ms. */
const SLICE_RUNS = 100;
const SLICE_EVERY_MS = 6;
/** Runs that are read before all others, the newest. */
const NEWEST_RUNS = 256;

/** What is stored of a dispatcher. */
type Stored = StoredDispatcher & { readonly finished: readonly StoredRun[] };

export class ObjectStorage {
  /** The accounts that were stored so far. */
  readonly days: DailyAccount[] = [];
  readonly #finished: StoredRun[] = [];
  #stored: Stored | undefined;

  /** Notes the runs that ended in a step. */
  observe(effects: readonly Effect[], wallMs: number): void {
    for (const effect of effects) {
      if (effect.type !== 'run-finished' || !effect.learned || !effect.record) continue;
      this.#finished.push({ record: effect.record, finishedAt: wallMs });
    }
  }

  /** Writes a batch. */
  save(dispatcher: Dispatcher, wallMs: number): void {
    this.days.push(...dispatcher.accounts.daily.take());
    const backends: Array<[string, BackendSnapshot]> = [...dispatcher.backends].map(
      ([name, backend]) => [name, snapshotOf(backend)],
    );
    const stored = {
      backends,
      accounts: dispatcher.accounts.snapshot(wallMs),
      finished: this.#finished,
      hasUnread: this.#finished.length > 0,
      running: [...dispatcher.register.runs.values()].map((run) => run.snapshot()),
      leases: [],
    };
    // As text, as it is stored: nothing is shared with the dispatcher that dies.
    this.#stored = JSON.parse(JSON.stringify(stored));
  }

  /**
   * The dispatcher after a restart, with the leases of `callIds`; the calls that waited, whose Workers
   * ask again; and what it reads of finished runs, each so many ms later.
   */
  restart(
    died: Dispatcher,
    callIds: Iterable<string>,
    config: DispatcherConfig,
    options: DispatcherOptions,
    wallMs: number,
  ): {
    dispatcher: Dispatcher;
    waiting: CallRequest[];
    reads: ReadonlyArray<{ readonly inMs: number; readonly event: DispatchEvent }>;
  } {
    const nothing = { backends: [], finished: [], running: [], leases: [] };
    const stored = this.#stored ?? nothing;
    const calls = [...callIds].flatMap((id) => died.call(id) ?? []);
    const leases = calls.flatMap(({ request, lease }) => (lease ? [{ request, lease }] : []));
    const dispatcher = restoredDispatcher(config, options, { ...stored, leases }, wallMs);
    const waiting = calls.filter((c) => !c.lease).map((c) => c.request);
    return { dispatcher, waiting, reads: readsOf(stored.finished) };
  }
}

/** Finished runs in parts, as the tenant's object reads them. */
function readsOf(finished: readonly StoredRun[]) {
  const newest = finished.length > NEWEST_RUNS ? slicesOf(finished.slice(-NEWEST_RUNS)) : [];
  const all = slicesOf(finished);
  return [
    ...newest.map((runs) => ({ part: 'newest' as const, runs })),
    ...all.map((runs, i) => ({
      part: i < all.length - 1 ? ('next' as const) : ('last' as const),
      runs,
    })),
  ].map((slice, i) => ({
    inMs: (i + 1) * SLICE_EVERY_MS,
    event: { type: 'runs-read' as const, ...slice },
  }));
}

function slicesOf(runs: readonly StoredRun[]): Array<readonly StoredRun[]> {
  const count = Math.ceil(runs.length / SLICE_RUNS);
  return Array.from({ length: count }, (_, i) => runs.slice(i * SLICE_RUNS, (i + 1) * SLICE_RUNS));
}
