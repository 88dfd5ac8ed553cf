/**
 * The storage of the tenant's object in a simulation: what is stored of a dispatcher, and a new one
 * from that after its process died. As at the edge, leases are stored when they are granted, and the
 * rest in batches, of which the last may be some seconds old.
 */
import { type BackendSnapshot, snapshotOf } from '../../src/core/backends/backend-snapshot.ts';
import type { Effect } from '../../src/core/dispatch/dispatch-events.ts';
import type { Dispatcher, DispatcherOptions } from '../../src/core/dispatch/dispatcher.ts';
import type { DispatcherConfig } from '../../src/core/dispatch/dispatcher-config.ts';
import {
  restoredDispatcher,
  type StoredDispatcher,
} from '../../src/core/dispatch/restored-dispatcher.ts';
import type { DailyAccount } from '../../src/core/prewarm/daily-accounts.ts';
import type { CallRequest } from '../../src/core/runs/call-request.ts';
import type { RecordedRun } from '../../src/core/runs/recorded-run.ts';

export class ObjectStorage {
  /** The accounts that were stored so far. */
  readonly days: DailyAccount[] = [];
  readonly #finished: { record: RecordedRun; finishedAt: number }[] = [];
  #stored: StoredDispatcher | undefined;

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
      running: [...dispatcher.register.runs.values()].map((run) => run.snapshot()),
      leases: [],
    };
    // As text, as it is stored: nothing is shared with the dispatcher that dies.
    this.#stored = JSON.parse(JSON.stringify(stored));
  }

  /**
   * The dispatcher after a restart, with the leases of `callIds`, and the calls that waited: their
   * Workers ask again.
   */
  restart(
    died: Dispatcher,
    callIds: Iterable<string>,
    config: DispatcherConfig,
    options: DispatcherOptions,
    wallMs: number,
  ): { dispatcher: Dispatcher; waiting: CallRequest[] } {
    const stored = this.#stored ?? { backends: [], finished: [], running: [], leases: [] };
    const calls = [...callIds].flatMap((id) => died.call(id) ?? []);
    const leases = calls.flatMap(({ request, lease }) => (lease ? [{ request, lease }] : []));
    const dispatcher = restoredDispatcher(config, options, { ...stored, leases }, wallMs);
    return { dispatcher, waiting: calls.filter((c) => !c.lease).map((c) => c.request) };
  }
}
